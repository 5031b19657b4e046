"""A YAML document of a package, with the place of each key and value: where a finding is, to the character."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from msgspec import Struct

from reconciler.documents.yaml.places import MAX_DEPTH, Path, events
from reconciler.model.config import Json, JsonObject

_BLOCK: Final = ("|", ">")


class Span(Struct, frozen=True):
    """From where to where something is in a text, and how it is written: a block, in quotes or plain."""

    start: int
    end: int
    style: str = ""

    @property
    def is_block(self) -> bool:
        return self.style in _BLOCK


class Text(Struct, frozen=True, dict=True):
    """A file's text: ``inside`` is its path in the package, ``file`` how the user names it."""

    inside: str
    file: str
    text: str

    def place(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at ``index``."""
        line = bisect.bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, from 1."""
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins."""
        found, at = [0], self.text.find("\n")
        while at >= 0:
            found.append(at + 1)
            at = self.text.find("\n", at + 1)
        return found


class Document(Text, frozen=True, dict=True):
    """A YAML document that was decoded. ``value`` is what it holds, with misspelt keys as they are meant.

    ``meant`` are those keys, by where they are in the text.
    """

    value: JsonObject
    meant: Mapping[Path, str] = {}

    def repaired(self, meant: Mapping[Path, str]) -> Document:
        """With the keys at these places as they are meant, so that one slip is told once and not by all it leads to."""
        return Document(self.inside, self.file, self.text, _renamed(self.value, (), meant), meant) if meant else self

    def key(self, path: Path) -> Span:
        """Where the key of the entry ``path`` is; of an entry of a list, its value."""
        return self._spans[0].get(path) or self.of(path)

    def of(self, path: Path) -> Span:
        """Where the value at ``path`` is; else its nearest ancestor."""
        keys, values = self._spans
        for length in range(len(path), -1, -1):
            if found := values.get(path[:length]) or keys.get(path[:length]):
                return found
        return Span(0, 0)

    def within(self, path: Path, part: str, number: int = 0) -> Span:
        """Where ``part`` is in the text at ``path``: its occurrence ``number``; else the whole value."""
        whole = self.of(path)
        at = whole.start - 1
        for _ in range(number + 1):
            at = self.text.find(part, at + 1, whole.end)
            if at < 0:
                return whole
        return Span(at, at + len(part))

    def scalars(self) -> Iterator[Span]:
        """Each text, in the order of the file."""
        return iter(self._scalars)

    @cached_property
    def _scalars(self) -> list[Span]:
        found = []
        with suppress(Exception):  # what the parser refuses is said elsewhere
            for event in events(self.text):
                if hasattr(event, "value"):
                    found.append(Span(event.start_mark.index, event.end_mark.index, event.style or ""))
        return found

    @cached_property
    def _spans(self) -> tuple[dict[Path, Span], dict[Path, Span]]:
        keys: dict[Path, Span] = {}
        values: dict[Path, Span] = {}
        with suppress(Exception):
            for path, is_key, span in _spans(self.text):
                named = tuple(self.meant.get(path[: end + 1], part) for end, part in enumerate(path))
                (keys if is_key else values).setdefault(named if self.meant else path, span)
        return keys, values


def _spans(text: str) -> Iterator[tuple[Path, bool, Span]]:
    """Path and place of each key and value. ``trail`` is as in ``documents.yaml.places``."""
    trail: list[Any] = []
    for event in events(text):
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            trail.pop()
        elif kind not in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent") or len(trail) > MAX_DEPTH:
            continue
        else:
            span = Span(event.start_mark.index, event.end_mark.index, getattr(event, "style", None) or "")
            if trail and trail[-1] is None and kind == "ScalarEvent":
                trail[-1] = event.value
                yield tuple(trail), True, span
                continue
            if not trail or isinstance(trail[-1], int):
                trail[-1:] = [part + 1 for part in trail[-1:]]
            yield tuple(trail), False, span
            if kind != "ScalarEvent":
                trail.append(None if kind == "MappingStartEvent" else -1)
                continue
        if trail and isinstance(trail[-1], str):
            trail[-1] = None


def _renamed(value: Any, path: Path, meant: Mapping[Path, str]) -> Any:
    if isinstance(value, dict):
        entries = (((*path, key), key, below) for key, below in value.items())
        return {meant.get(place, key): _renamed(below, place, meant) for place, key, below in entries}
    if isinstance(value, list):
        return [_renamed(below, (*path, index), meant) for index, below in enumerate(value)]
    return value


def at(value: Json, *path: str | int) -> Json:
    """What is at ``path``; ``None`` where nothing is."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def mapping(value: Json, *path: str | int) -> JsonObject:
    """The mapping at ``path``; an empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def rows(value: Json, *path: str | int) -> Iterator[tuple[int, JsonObject]]:
    """The mappings in the list at ``path``, with their index."""
    found = at(value, *path)
    for index, row in enumerate(found if isinstance(found, list) else []):
        if isinstance(row, dict):
            yield index, row


def text_at(value: Json, *path: str | int) -> str:
    """The text at ``path``; an empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def texts(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text at and below ``path``, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from texts(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from texts(below, (*path, index))
