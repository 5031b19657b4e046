"""What a run holds, and how ``{{key}}`` is replaced from it: in one pass, so that no value is taken for a template."""

from __future__ import annotations

import json
import marshal
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from reconciler.host.errors import StepValueError
from reconciler.model.config import Json, JsonObject
from reconciler.packages import steps

MAX_TEXT_CHARACTERS: Final = 2**22
"""In one text after everything is filled in: values of values would else grow without end."""

MAX_PLACEHOLDER_CHARACTERS: Final = 200

_WORDS: Final[JsonObject] = {"true": True, "false": False, "null": None}
_UNSET: Final[JsonObject] = {"trace_id": None, "timestamp": None}
RESERVED: Final = frozenset(steps.OWN_NAMES)

PLACEHOLDER: Final = re.compile(steps.PLACEHOLDER)
REFERENCE: Final = re.compile(steps.REFERENCE)


class Missing(Enum):
    """The one value that no state holds."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(slots=True)
class State:
    """``values`` starts as the input and collects results; ``steps`` keeps each step's own, by its name.

    ``given`` are the names that the caller sent, ``own`` the run's trace id and time. ``seen`` notes which values are
    looked up.
    """

    values: JsonObject
    inputs: JsonObject
    optional: frozenset[str] = frozenset()
    steps: JsonObject = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    own: JsonObject = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)

    def __reduce__(self) -> tuple[Callable[[bytes], State], tuple[bytes]]:
        """How it goes to a worker: ``marshal`` takes a tenth of the time, and ``seen`` begins again."""
        parts = (self.values, self.inputs, [*self.optional], self.steps, [*self.given], self.own)
        return _unpacked, (marshal.dumps(parts),)

    def note(self, name: str, result: JsonObject, view: JsonObject) -> None:
        """Take over what a step gave; ``view`` is what later steps see of it under its name."""
        self.values = {**self.values, **result}
        if name:
            self.steps = {**self.steps, name: {"output": view, "outputs": view}}

    def known(self) -> JsonObject:
        """All that a name can mean. What is the host's own wins over what anyone sent."""
        return {**self.values, **_WORDS, "inputs": self.inputs, "steps": self.steps, **_UNSET, **self.own}

    def find(self, path: str) -> Json | Missing:
        """The value at ``path``: a key, ``inputs.x``, or ``steps.NAME.output.x``; dots go deeper."""
        first, *rest = path.split(".")
        own: JsonObject = {**_WORDS, "inputs": self.inputs, "steps": self.steps, **self.own}
        found = _deeper(own if first in RESERVED else self.values, [first, *rest])
        if found is not MISSING:
            self.seen.add((first, *rest[:1]))
        return found

    def held(self, name: str) -> Json:
        """The value ``name``, ``None`` where there is none."""
        found = self.find(name)
        return None if isinstance(found, Missing) else found

    def is_callers(self) -> bool:
        """Whether some of the values that were looked up are the caller's, and all others the host's own."""
        theirs = [self._is_given(*path) for path in self.seen if path[0] not in RESERVED - {"inputs", "steps"}]
        return bool(theirs) and all(theirs)

    def _is_given(self, first: str, second: str = "") -> bool:
        if first == "inputs":
            return second in self.given or not second
        return first in self.given and first != "steps" and self.values.get(first) is self.inputs.get(first)

    def filled(self, value: Json, pattern: re.Pattern[str] = PLACEHOLDER) -> Json | Missing:
        """``value`` with its placeholders replaced, at any depth.

        A text that is nothing but a placeholder stands for the value itself, whatever its type, and is ``MISSING``
        where there is none; an entry that is missing is left out.
        """
        if isinstance(value, dict):
            entries = ((key, self.filled(below, pattern)) for key, below in value.items())
            return {key: below for key, below in entries if not isinstance(below, Missing)}
        if isinstance(value, list):
            return [below for below in (self.filled(one, pattern) for one in value) if not isinstance(below, Missing)]
        if not isinstance(value, str):
            return value
        whole = pattern.fullmatch(value)
        return self.find(_path(whole)) if whole else self.text(value, pattern)

    def mapping(self, value: JsonObject, pattern: re.Pattern[str] = PLACEHOLDER) -> JsonObject:
        """``filled`` for a mapping."""
        found = self.filled(value, pattern)
        return found if isinstance(found, dict) else {}

    def text(self, template: str, pattern: re.Pattern[str] = PLACEHOLDER) -> str:
        """``template`` with its placeholders replaced by the values' text.

        An input or step result that is not there is nothing; any other unknown placeholder stays as it is written.
        """
        return substituted(template, pattern, lambda match: self._as_text(match))

    def _as_text(self, match: re.Match[str]) -> str:
        path = _path(match)
        value = self.find(path)
        if not isinstance(value, Missing):
            return text_of(value)
        return "" if path.startswith(("inputs.", "steps.")) or path in self.optional else match[0]


def substituted(template: str, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> str:
    """``re.sub`` that ends where the result gets too long. ``StepValueError`` then."""
    parts: list[str] = []
    length = position = 0
    for match in pattern.finditer(template):
        parts += (template[position : match.start()], replace(match))
        position = match.end()
        length += len(parts[-2]) + len(parts[-1])
        if length > MAX_TEXT_CHARACTERS:
            break
    parts.append(template[position:])
    if length + len(parts[-1]) > MAX_TEXT_CHARACTERS:
        raise StepValueError(f"a text has more than {MAX_TEXT_CHARACTERS} characters once it is filled in")
    return "".join(parts)


def text_of(value: Json) -> str:
    """A value as it reads in a text: text as it is, nothing for none, else JSON.

    Half a surrogate pair, which a model's JSON can spell and no file or request can hold, stays as it was spelled.
    """
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _path(match: re.Match[str]) -> str:
    path = next(group for group in match.groups() if group is not None)
    check_placeholder(path)
    return path


def check_placeholder(path: str) -> None:
    """``StepValueError`` where ``path`` is longer than any name: it is searched for as often as it is written."""
    if len(path) > MAX_PLACEHOLDER_CHARACTERS:
        message = f"the placeholder {path[:40]}… has more than {MAX_PLACEHOLDER_CHARACTERS} characters"
        raise StepValueError(message)


def _unpacked(data: bytes) -> State:
    values, inputs, optional, steps, given, own = marshal.loads(data)  # noqa: S302 - between two processes of one program
    return State(values, inputs, frozenset(optional), steps, frozenset(given), own)


def _deeper(value: Json, path: list[str]) -> Json | Missing:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value
