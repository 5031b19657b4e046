"""Where things stand in a YAML text. Read only when there is something to report: loading keeps no positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import yaml
from msgspec.structs import replace

from reconciler.codes import ErrorCode, FaultCode
from reconciler.documents.text import shown
from reconciler.documents.yaml.hints import Said, hint_for, lines_of
from reconciler.errors import Fault
from reconciler.model.regex import regex

Path: TypeAlias = tuple[str | int, ...]
"""A place in a document: keys of mappings and indices of lists."""

Position: TypeAlias = tuple[int, int]
"""Line and column, both from 1."""

Problem: TypeAlias = tuple[Path, str, ErrorCode | FaultCode]
"""Where something is wrong, what, and its code."""

MAX_DEPTH: Final = 64
"""Levels of nesting that a document may have; the parser itself knows no bound."""

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_KEY: Final = regex(r"[\w$@-]+")


def events(text: str) -> Iterator[Any]:
    """The events of ``yaml.events``, by libyaml where PyYAML has it. Raises ``yaml.YAMLError`` on the way."""
    return iter(_Parser(text).get_event, None)


def dotted(path: Path) -> str:
    """``path`` as people write it: ``extensions.foo.version``, ``steps[0].uses``, ``inputs['a b']``."""
    parts = (f".{part}" if isinstance(part, str) and _PLAIN_KEY.fullmatch(part) else _bracketed(part) for part in path)
    return "".join(parts).removeprefix(".")


def _bracketed(part: str | int) -> str:
    return f"[{shown(part) if isinstance(part, str) else part}]"


def locate(data: bytes, path: Path) -> Position:
    """The position of the value at ``path`` (of a mapping's entry: its key), else of its nearest ancestor.

    JSON is YAML enough for this. Never raises for malformed data: what stands before the flaw is still found.
    """
    return locate_all(data, [path])[path]


def locate_all(data: bytes, paths: Iterable[Path]) -> Mapping[Path, Position]:
    """``locate`` for many paths in one pass."""
    wanted = set(paths)
    ancestors = {path[:length] for path in wanted for length in range(len(path) + 1)}
    found: dict[Path, Position] = {}
    with suppress(yaml.YAMLError):
        for path, position in _places(data.decode("utf-8-sig", "replace")):
            if path in ancestors:
                found.setdefault(path, position)
    return {path: _nearest(found, path) for path in wanted}


def faults_at(data: bytes, file: str, found: Sequence[Problem]) -> list[Fault]:
    """What is wrong at places of the document ``data``, in the order given, with line, column and the line's text."""
    positions = locate_all(data, [path for path, _, _ in found]) if found else {}
    lines = lines_of(data.decode("utf-8-sig", "replace")) if found else []
    return [fault_at(lines, file, positions[problem[0]], problem) for problem in found]


def fault_at(lines: Sequence[str], file: str, position: Position, problem: Problem) -> Fault:
    """The ``problem`` at ``position``; where it is a common mistake, with what to write instead."""
    (line, column), (place, message, code) = position, problem
    path = dotted(place)
    fault = Fault(message=message, code=code, file=file, line=line, column=column, path=path or None)
    if line > len(lines):
        return fault
    hint = hint_for(Said(message, path, lines, line - 1, column - 1))
    return replace(fault, message=hint.message, column=hint.column + 1, source=lines[line - 1])


def _nearest(found: Mapping[Path, Position], path: Path) -> Position:
    return next((found[path[:length]] for length in range(len(path), -1, -1) if path[:length] in found), (1, 1))


def _places(text: str) -> Iterator[tuple[Path, Position]]:
    """Path and position of every node, in the order of the text.

    ``trail`` has one part for each open collection: the index or key of the entry at hand, None where a key is due.
    """
    trail: list[Any] = []
    for event in events(text):
        if isinstance(event, yaml.CollectionEndEvent):
            trail.pop()
        elif len(trail) > MAX_DEPTH:
            return
        elif not isinstance(event, yaml.NodeEvent):
            continue
        elif trail and trail[-1] is None and isinstance(event, yaml.ScalarEvent):
            trail[-1] = event.value
            yield tuple(trail), position_of(event)
            continue
        else:
            if not trail or isinstance(trail[-1], int):
                trail[-1:] = [part + 1 for part in trail[-1:]]
                yield tuple(trail), position_of(event)
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                trail.append(None if isinstance(event, yaml.MappingStartEvent) else -1)
                continue
        if trail and isinstance(trail[-1], str):
            trail[-1] = None


def position_of(event: Any) -> Position:
    """Where ``event`` starts."""
    return event.start_mark.line + 1, event.start_mark.column + 1
