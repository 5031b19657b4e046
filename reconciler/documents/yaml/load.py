"""Guarded YAML: plain values built from parser events in one pass, without recursion.

The dialect is the core schema of YAML 1.2 without what has no place in a configuration: anchors, aliases, tags, merge
keys, several documents, and numbers that JSON cannot hold. Limits are checked before anything is built from an event,
so that a hostile text costs no more than its size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import yaml

from reconciler.codes import FaultCode
from reconciler.documents.text import decoded, position, shown
from reconciler.documents.yaml.hints import SYNTAX, lines_of
from reconciler.documents.yaml.places import MAX_DEPTH, Path, events, fault_at, locate, position_of
from reconciler.errors import InputError
from reconciler.model.config import Json
from reconciler.model.regex import regex

MAX_BYTES: Final = 4 * 2**20
MAX_EVENTS: Final = 300_000
"""What one document may consist of: keys, values, beginnings and ends. A lock of 10,000 items has 160,000; without a
bound, 4 MiB of ``[[],[],…`` would take 0.6 GiB and a quarter of a minute to be a valid manifest."""
MAX_NUMBER_CHARACTERS: Final = 100
_SHARED_KEYS: Final = 1024
_SHARED_CHARACTERS: Final = 64

_WORDS: Final[dict[str, Json]] = (
    dict.fromkeys(["", "~", "null", "Null", "NULL"])
    | dict.fromkeys(["true", "True", "TRUE"], True)
    | dict.fromkeys(["false", "False", "FALSE"], False)
)
_NUMBER: Final = regex(
    r"(?P<decimal>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_BASES: Final = {"decimal": 10, "octal": 8, "hexadecimal": 16}
_NUMERIC: Final = frozenset("+-.0123456789")
_FIRST: Final = _NUMERIC.union("~nNtTfF")
"""The characters with which a plain scalar that is not text starts."""
_CONTROL: Final = r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Not compiled here: that takes longer than loading a manifest, and only a fault needs it."""


class _RejectedYamlError(Exception):
    """The event at hand is not allowed; the message says why."""


def load(data: bytes, *, name: str, text_keys: frozenset[tuple[int, str]] = frozenset()) -> Json:
    """Decode the one YAML document ``data``; an empty one is ``None``.

    ``text_keys`` holds pairs of (depth, key): the plain scalar that stands under ``key`` in a mapping with ``depth``
    mappings around it, itself included, stays text as written, so that ``version: 1.10`` is "1.10"; so do those in a
    list that stands there. The root's keys have depth 1. Raises ``InputError``; its fault names the file ``name``,
    line, column and path.
    """
    text = decoded(data, name=name, max_bytes=MAX_BYTES)
    try:
        return _Builder(data, name, text_keys).build(text)
    except yaml.MarkedYAMLError as error:
        message, mark = _problem(error)
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        fault = fault_at(lines_of(text), name, place, ((), message, FaultCode.SYNTAX))
        raise InputError.of([fault], "") from error
    except yaml.YAMLError as error:
        raise _control_character(text, name) from error


def _problem(error: yaml.MarkedYAMLError) -> tuple[str, yaml.Mark | None]:
    """What the parser could not read, and where. Its own bound on depth is higher than ours, and differs."""
    mark = error.problem_mark or error.context_mark
    if "nesting depth" in str(error.problem):
        return f"nested deeper than {MAX_DEPTH} levels", mark
    if "quoted scalar" in str(error.context) and "end of stream" in str(error.problem):
        return "the quote that starts here is not closed", error.context_mark or mark
    return f"{SYNTAX}{error.problem}", mark


def _control_character(text: str, name: str) -> InputError:
    match = re.search(_CONTROL, text)
    start = match.start() if match else 0
    return InputError.at(
        f"control character {shown(text[start])}", file=name, place=position(text, start), code=FaultCode.SYNTAX
    )


class _Builder:
    """The collections that are open, the innermost on top, and what to do with each kind of event."""

    def __init__(self, data: bytes, name: str, text_keys: frozenset[tuple[int, str]]) -> None:
        self._data = data
        self._name = name
        self._text_keys = text_keys
        self._documents: list[Json] = []
        self._top: dict[str, Json] | list[Json] = self._documents
        self._key: str | None = None
        self._stack: list[tuple[dict[str, Json] | list[Json], str | None]] = []
        self._mappings = 0

    def build(self, text: str) -> Json:
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
            yaml.DocumentEndEvent: _ignored,
            yaml.StreamStartEvent: _ignored,
            yaml.StreamEndEvent: _ignored,
        }
        event: Any = None
        for event in islice(events(text), MAX_EVENTS):
            try:
                handlers[event.__class__](event)
            except _RejectedYamlError as problem:
                wrong = (self._path(), str(problem), FaultCode.SYNTAX)
                fault = fault_at(lines_of(text), self._name, position_of(event), wrong)
                raise InputError.of([fault], "") from None
        if event.__class__ is not yaml.StreamEndEvent:
            message = f"more than {MAX_EVENTS} keys and values"
            raise InputError.at(message, file=self._name, place=position_of(event), code=FaultCode.SYNTAX)
        return self._documents[0] if self._documents else None

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.anchor is not None or event.tag is not None:
            raise _decorated(event)
        text, top, key = event.value, self._top, self._key
        special = not event.style and (not text or text[0] in _FIRST)
        if isinstance(top, list):
            if special and text and self._stack and (self._mappings, self._stack[-1][1]) in self._text_keys:
                special = False
            top.append(_resolved(text) if special else text)
        elif key is None:
            if special or text == "<<" or text in top:
                self._check_key(event, special)
            self._key = _shared(text) if len(text) <= _SHARED_CHARACTERS else text
        else:
            if special and text and (self._mappings, key) in self._text_keys:
                special = False
            top[key] = _resolved(text) if special else text
            self._key = None

    def _check_key(self, event: yaml.ScalarEvent, special: bool) -> None:
        key = event.value
        if key == "<<" and not event.style:
            raise _RejectedYamlError("merge keys are not allowed")
        if special and not isinstance(_resolved(key), str):
            raise _RejectedYamlError(f"the key {key or 'null'} is not text; quote it")
        if key in self._top:
            line, _ = locate(self._data, (*self._path(), key))
            raise _RejectedYamlError(f"duplicate key {shown(key)}; the first is in line {line}")

    def _mapping(self, event: yaml.MappingStartEvent) -> None:
        self._open({}, event)
        self._mappings += 1

    def _sequence(self, event: yaml.SequenceStartEvent) -> None:
        self._open([], event)

    def _open(self, collection: dict[str, Json] | list[Json], event: yaml.CollectionStartEvent) -> None:
        if event.anchor is not None or event.tag is not None:
            raise _decorated(event)
        if len(self._stack) >= MAX_DEPTH:
            raise _RejectedYamlError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(self._top, list):
            self._top.append(collection)
        elif self._key is None:
            raise _RejectedYamlError("a key must be text")
        else:
            self._top[self._key] = collection
        self._stack.append((self._top, self._key))
        self._top, self._key = collection, None

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        if event.__class__ is yaml.MappingEndEvent:
            self._mappings -= 1
        self._top, self._key = self._stack.pop()[0], None

    def _alias(self, event: yaml.AliasEvent) -> None:
        raise _RejectedYamlError(f"aliases are not allowed: *{event.anchor}")

    def _document(self, _event: yaml.DocumentStartEvent) -> None:
        if self._documents:
            raise _RejectedYamlError("a second document; only one is allowed")

    def _path(self) -> Path:
        """The place of the event at hand; while a key is due, the mapping's."""
        opened = [len(top) - 1 if isinstance(top, list) else str(key) for top, key in self._stack[1:]]
        if self._top is self._documents:
            return ()
        if isinstance(self._top, list):
            return (*opened, len(self._top))
        return (*opened, self._key) if self._key is not None else tuple(opened)


@lru_cache(_SHARED_KEYS)
def _shared(key: str) -> str:
    """The same text for the same key: a thousand manifests have the same few. Interned, some would stay for ever."""
    return key


def _ignored(event: object) -> None:
    """What frames a document says nothing."""


def _decorated(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> _RejectedYamlError:
    if event.anchor is not None:
        return _RejectedYamlError(f"anchors are not allowed: &{event.anchor}")
    return _RejectedYamlError(f"tags are not allowed: {shown(str(event.tag))}")


def _resolved(text: str) -> Json:
    """The value of a plain scalar by the core schema of YAML 1.2.

    Refused is what JSON readers would lose: integers beyond 64 bits, infinities, NaN.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise _RejectedYamlError(f"a number of {len(text)} characters; quote it if it is text")
    kind = str(match.lastgroup)
    if kind in _BASES:
        number = int(match[kind], _BASES[kind])
        if -(2**63) <= number < 2**63:
            return number
        raise _RejectedYamlError(f"{text} does not fit 64 bits; quote it if it is text")
    if kind == "special" or math.isinf(float(text)):
        raise _RejectedYamlError(f"{text} is not a finite number; quote it if it is text")
    return float(text)
