"""What is known at one point of a run: which names have a value there, and which placeholders therefore have none."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path
from reconciler.model.config import Json
from reconciler.model.regex import regex
from reconciler.packages.check.braces import unfilled
from reconciler.packages.check.document import Document, Span, Text, texts
from reconciler.packages.check.found import Found
from reconciler.packages.check.near import meant, near, nearest
from reconciler.packages.steps import CONDITION_PLACEHOLDER, OWN_NAMES, OWN_WORDS, PLACEHOLDER, REFERENCE

_PLACEHOLDER: Final = regex(PLACEHOLDER)
_REFERENCE: Final = regex(REFERENCE)
_CONDITION: Final = regex(CONDITION_PLACEHOLDER)
_ACTION: Final = regex(r"\{\{-?\s*\.?(?P<path>[A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*-?\}\}")
_RANGE: Final = regex(r"\{\{-?\s*range\s[^{}]*:=\s*\.(?P<path>[\w.-]+)\s*-?\}\}")
_GO_WORDS: Final = frozenset(["end", "else", "break", "continue"])


class Shown(Struct, frozen=True):
    """What later steps see under a step's name. ``more``: names, too, that nobody knows before it ran."""

    names: frozenset[str]
    more: bool


class Scope(Struct, frozen=True, kw_only=True):
    """``names`` have a value; ``more``: others, too, that nobody knows before the run. ``steps`` are those that ran.

    ``later`` are steps that come only now or later, which makes a better message.
    """

    inputs: frozenset[str]
    names: frozenset[str]
    more: bool = False
    steps: Mapping[str, Shown] = {}
    later: frozenset[str] = frozenset()

    def unknown(self, path: str, hints: Collection[str] = ()) -> tuple[str, str | None] | None:
        """What is wrong with a placeholder for ``path``, and the path that it must be, where that is sure."""
        first, *rest = path.split(".")
        if first in OWN_WORDS or (first in OWN_NAMES and first not in ("inputs", "steps")):
            return None
        if first == "inputs" and rest:
            return self._unknown_input(rest)
        if first == "steps" and rest:
            return self._unknown_result(rest)
        if first in self.names or first in OWN_NAMES:
            return None
        return self._unknown_name(path, first, hints)

    def _unknown_name(self, path: str, first: str, hints: Collection[str]) -> tuple[str, str | None] | None:
        known = self.names | {*hints, *OWN_NAMES}
        found = near(first, known)
        if self.more and (first in hints or not found):
            return None
        only = nearest(first, known)
        fixed = None if only is None else only + path[len(first) :]
        return f"no input and no earlier step gives '{first}'{meant(found)}", fixed

    def _unknown_input(self, rest: list[str]) -> tuple[str, str | None] | None:
        if rest[0] in self.inputs or (self.more and not near(rest[0], self.inputs)):
            return None
        only = nearest(rest[0], self.inputs)
        fixed = None if only is None else ".".join(["inputs", only, *rest[1:]])
        return f"there is no input '{rest[0]}'{meant(near(rest[0], self.inputs))}", fixed

    def _unknown_result(self, rest: list[str]) -> tuple[str, str | None] | None:
        name, *below = rest
        if name in self.later:
            return f"the step '{name}' has not run yet", None
        if name not in self.steps:
            only = nearest(name, self.steps)
            fixed = None if only is None else ".".join(["steps", only, *below])
            return f"there is no step '{name}' before it{meant(near(name, self.steps))}", fixed
        if below and below[0] not in ("output", "outputs"):
            return f"what a step gave is below its 'output': steps.{name}.output.…", None
        shown = self.steps[name]
        if len(below) < 2 or below[1] in shown.names or (shown.more and not near(below[1], shown.names)):
            return None
        if shown.more:  # one letter from a known result may still be one that a model made up
            return None
        only = nearest(below[1], shown.names)
        fixed = None if only is None else ".".join(["steps", name, below[0], only, *below[2:]])
        return f"the step '{name}' gives no '{below[1]}'{meant(near(below[1], shown.names))}", fixed


def in_value(
    document: Document, value: Json, path: Path, scope: Scope, *, references: bool = False, hints: Collection[str] = ()
) -> Iterator[Found]:
    """The placeholders in ``value`` that stand for nothing. ``references``: ``${path}`` is one, too."""
    pattern = _REFERENCE if references else _PLACEHOLDER
    for place, text in texts(value, path):
        yield from _matches(document, pattern, place, text, scope, hints)
        yield from _unfilled(document, place, text)


def in_condition(document: Document, text: str, path: Path, scope: Scope) -> Iterator[Found]:
    """The placeholders in the condition of a rule that stand for nothing."""
    yield from _matches(document, _CONDITION, path, text, scope, ())


def in_template(document: Document, text: str, path: Path, scope: Scope) -> Iterator[Found]:
    """The placeholders of a template that is written in the manifest."""
    for match in _template_names(text):
        if wrong := scope.unknown(match["path"]):
            yield _found(document, document.within(path, match[0]), match, wrong, path)
    yield from _unfilled(document, path, text, is_template=True)


def in_template_file(file: Text, scope: Scope) -> Iterator[Found]:
    """The placeholders of a template in a file of its own."""
    for match in _template_names(file.text):
        if wrong := scope.unknown(match["path"]):
            yield _found(file, Span(match.start(), match.end()), match, wrong, ())
    for one in unfilled(file.text, is_template=True):
        span = Span(one.start, one.start + len(one.text))
        yield Found(code=CheckCode.UNFILLED_BRACES, message=one.message, text=file, span=span)


def _unfilled(document: Document, path: Path, text: str, *, is_template: bool = False) -> Iterator[Found]:
    for one in unfilled(text, is_template=is_template):
        span = document.within(path, one.text, text.count(one.text, 0, one.start))
        yield Found(code=CheckCode.UNFILLED_BRACES, message=one.message, text=document, span=span, path=path)


def _template_names(text: str) -> Iterator[re.Match[str]]:
    for pattern in (_ACTION, _RANGE):
        yield from (match for match in pattern.finditer(text) if match["path"] not in _GO_WORDS)


def _matches(
    document: Document, pattern: re.Pattern[str], place: Path, text: str, scope: Scope, hints: Collection[str]
) -> Iterator[Found]:
    counts: dict[str, int] = {}
    for match in pattern.finditer(text):
        number = counts[match[0]] = counts.get(match[0], -1) + 1
        if wrong := scope.unknown(_path(match), hints):
            yield _found(document, document.within(place, match[0], number), match, wrong, place)


def _path(match: re.Match[str]) -> str:
    named = match.groupdict().get("path")
    return named if named is not None else next(group for group in match.groups() if group is not None)


def _found(text: Text, span: Span, match: re.Match[str], wrong: tuple[str, str | None], path: Path) -> Found:
    message, fixed = wrong
    written = _path(match)
    is_exact = text.text[span.start : span.end] == match[0]
    fix = match[0].replace(written, fixed) if fixed and is_exact and match[0].count(written) == 1 else None
    return Found(code=CheckCode.UNKNOWN_NAME, message=message, text=text, span=span, path=path, fix=fix)
