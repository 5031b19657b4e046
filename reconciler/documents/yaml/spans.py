"""Where the entries of mappings start and end in a YAML text: what an edit in place has to know.

Only the mappings on the way to one path are read, in one pass over the parser's events.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any, Final

import yaml
from msgspec import Struct, field

from reconciler.documents.yaml.places import events
from reconciler.model.regex import regex

BREAKS: Final = "\r\n\x85\u2028\u2029"
"""What libyaml takes for the end of a line."""

_BREAK: Final = regex(f"\r\n|[{BREAKS}]")
_COLON: Final = regex(r"[ \t]*:")
_BLANK_LINES: Final = regex(f"(?:[ \t]*(?:\r\n|[{BREAKS}]))*")
_STEP: Final = 2


class Form(Enum):
    """How a value is written."""

    EMPTY = auto()
    INLINE = auto()
    """A plain or quoted scalar, or a collection in brackets or braces."""
    LITERAL = auto()
    """A block scalar: an indicator behind the key, and lines of text."""
    BLOCK = auto()
    """A collection on lines of its own."""


class MappingEntry(Struct, frozen=True, kw_only=True):
    """An entry of a mapping; ``start`` and ``end`` bound its key and value, without what follows on the line.

    All places are indices of characters. ``colon`` is the place behind the colon that follows the key on its line, -1
    where there is none; ``value`` is where the value starts, -1 where it is empty.
    """

    key: str
    start: int
    colon: int
    value: int
    end: int
    form: Form


class Mapping(Struct, frozen=True, kw_only=True):
    """A mapping: its column, its entries, and where it starts (behind the brace)."""

    is_flow: bool
    column: int
    start: int
    entries: tuple[MappingEntry, ...]

    def find(self, key: str) -> MappingEntry | None:
        """The entry of ``key``."""
        return next((entry for entry in self.entries if entry.key == key), None)


class Spans(Struct, frozen=True, kw_only=True):
    """A document's ``text`` and the mappings at the root and on the way to a path, as far as there are any.

    ``end`` is where the document ends; ``step`` is how many spaces it indents by.
    """

    text: str
    mappings: tuple[Mapping, ...]
    end: int
    step: int

    @property
    def newline(self) -> str:
        """How the text ends its lines."""
        found = _BREAK.search(self.text)
        return found[0] if found and found[0] in ("\r\n", "\r") else "\n"

    def line_start(self, index: int) -> int:
        """Where the line of ``index`` starts."""
        while index and self.text[index - 1] not in BREAKS:
            index -= 1
        return index

    def line_end(self, index: int) -> int:
        """Behind the line break that follows ``index``."""
        match = _BREAK.search(self.text, index)
        return match.end() if match else len(self.text)

    def behind_comments(self, index: int, column: int) -> int:
        """Behind the comment lines from ``index`` on that are indented deeper than ``column``."""
        comments = re.compile(f"(?: {{{column + 1},}}#[^{BREAKS}]*(?:\r\n|[{BREAKS}]|\\Z))*")
        match = comments.match(self.text, index)
        return match.end() if match else index

    def behind_blank_lines(self, index: int) -> int:
        """Behind the blank lines from ``index`` on."""
        match = _BLANK_LINES.match(self.text, index)
        return match.end() if match else index


class _Open(Struct):
    """A mapping that is being read: the events of its entry at hand, and those behind it."""

    start: Any
    key: Any = None
    value: Any = None
    entries: list[MappingEntry] = field(default_factory=list)

    def close_entry(self, text: str, end: int) -> None:
        """The value has ended; ``end`` is where the last characters so far do."""
        colon = _COLON.match(text, self.key.end_mark.index)
        form = _form(self.value)
        self.entries.append(
            MappingEntry(
                key=self.key.value,
                start=self.key.start_mark.index,
                colon=colon.end() if colon else -1,
                value=-1 if form is Form.EMPTY else self.value.start_mark.index,
                end=end,
                form=form,
            )
        )
        self.key = self.value = None

    def closed(self) -> Mapping:
        return Mapping(
            is_flow=bool(self.start.flow_style),
            column=self.start.start_mark.column,
            start=self.start.end_mark.index,
            entries=tuple(self.entries),
        )


def _form(value: Any) -> Form:
    has_characters = value.start_mark.index < value.end_mark.index
    if not isinstance(value, yaml.ScalarEvent):
        return Form.INLINE if value.flow_style else Form.BLOCK
    if value.style in ("|", ">"):
        return Form.LITERAL
    return Form.INLINE if has_characters else Form.EMPTY


class _SpanReader:
    """The mappings on the way to ``path`` that were met, those still open being the first ``_open`` of them."""

    def __init__(self, text: str, path: tuple[str, ...]) -> None:
        self._text = text
        self._path = path
        self.met: list[_Open] = []
        self._open = 0
        self._depth = 0
        self._end = 0
        self.step = 0
        self.document_end = len(text)

    def read(self) -> None:
        for event in events(self._text):
            start, self._end = event.start_mark.index, max(self._end, content_end(event, self._text))
            if isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._depth -= 1
                self._open = min(self._open, self._depth)
                self._value_ended()
            elif isinstance(event, yaml.DocumentEndEvent) and event.explicit:
                self.document_end = start

    def _node(self, event: Any) -> None:
        inner = self._inner()
        if inner and inner.key is None:
            inner.key = event
            return
        if inner:
            inner.value = event
        if not isinstance(event, yaml.CollectionStartEvent):
            self._value_ended()
            return
        if isinstance(event, yaml.MappingStartEvent):
            self._mapping(event, inner)
        self._depth += 1

    def _mapping(self, event: Any, inner: _Open | None) -> None:
        if self._depth == 1 and not self.step and not event.flow_style:
            self.step = event.start_mark.column - self.met[0].start.start_mark.column
        is_next = self._open == self._depth < len(self._path)
        if is_next and (not inner or inner.key.value == self._path[self._depth - 1]):
            self.met.append(_Open(event))
            self._open += 1

    def _inner(self) -> _Open | None:
        """The mapping on the way in which the event at hand stands directly."""
        return self.met[self._open - 1] if self._open and self._open == self._depth else None

    def _value_ended(self) -> None:
        inner = self._inner()
        if inner and inner.key is not None:
            inner.close_entry(self._text, self._end)


def read_spans(text: str, path: tuple[str, ...]) -> Spans:
    """The spans of the one document ``text``, which is a mapping or empty and keeps the rules of ``load``."""
    reader = _SpanReader(text, path)
    reader.read()
    return Spans(
        text=text,
        mappings=tuple(opened.closed() for opened in reader.met),
        end=reader.document_end,
        step=reader.step or _STEP,
    )


def content_end(event: Any, text: str) -> int:
    """Where the characters of ``event`` end; 0 for one that has none.

    The marks of block collections and block scalars run on over comments and blank lines, and those of an empty value
    may stand at the next token; only the indicator before it is its own.
    """
    start: int = event.start_mark.index
    end: int = event.end_mark.index
    if not isinstance(event, yaml.ScalarEvent):
        return end if start < end else 0
    if event.style in ("|", ">"):
        return _trimmed(text, end, " \t" + BREAKS)
    if start < end:
        return end
    end = _trimmed(text, end, " \t")
    return end if text[end - 1 : end] in ("-", ":", "?") else 0


def _trimmed(text: str, end: int, blanks: str) -> int:
    while end and text[end - 1] in blanks:
        end -= 1
    return end
