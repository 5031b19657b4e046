"""YAML text: read it, find places in it, write it, and change one block of it without touching the rest.

The front of this room's YAML side: ``load`` and the places live in modules of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    MappingStartEvent,
    ScalarEvent,
)

from reconciler.documents.text import malformed, shown
from reconciler.documents.yaml_load import MAX_BYTES, load
from reconciler.documents.yaml_places import MAX_DEPTH, Path, Position, dotted, events, locate, locate_all
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Path",
    "Position",
    "dotted",
    "dump",
    "load",
    "locate",
    "locate_all",
    "replace_block",
]

_BOM: Final = b"\xef\xbb\xbf"
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_ONE_LINE: Final = 2**31 - 1
_BREAKS: Final = "\r\n\x85\u2028\u2029"
"""What libyaml takes for the end of a line."""
_BREAK: Final = re.compile(f"\r\n|[{_BREAKS}]")
_AMBIGUOUS: Final = re.compile(
    r"[-+.]*[0-9].*|[-+]?\.?(?:inf|nan)|y|n|yes|no|on|off|true|false|null|~|=|<<|.*[\r\n\x85\u2028\u2029].*|",
    re.IGNORECASE | re.DOTALL,
)
"""Texts that some reader of YAML 1.1 or 1.2 takes for something else, or that would need several lines."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes text so that readers of YAML 1.1 and 1.2 agree on it, each scalar on one line, and no aliases."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        style = '"' if _AMBIGUOUS.fullmatch(text) else None
        return self.represent_scalar(_TEXT_TAG, text, style=style)


class _FlowDumper(_Dumper):
    """Writes collections in braces and all text in quotes, so that JSON stays JSON."""

    def represent_text(self, text: str) -> Any:
        return self.represent_scalar(_TEXT_TAG, text, style='"')


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_text(text))


def dump(value: JsonObject) -> str:
    """``value`` in block style, two spaces a level, in the order of its keys."""
    return _emitted(value, _Dumper)


def _emitted(value: JsonObject, dumper: type[_Dumper]) -> str:
    flow = dumper is _FlowDumper
    text: str = yaml.dump(
        value, Dumper=dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=_ONE_LINE, indent=2
    )
    return text


def replace_block(data: bytes, key: str, value: JsonObject | None, *, name: str = "manifest") -> bytes:
    """``data`` with the top-level entry ``key`` holding ``value``, appended where it is absent; ``None`` removes it.

    Every byte outside the entry's own lines stays; comments after its last value belong to what follows. An entry that
    already holds ``value`` stays as written. Raises ``InputError``, naming the file ``name``, where the text's form is
    too unusual for that.
    """
    original = load(data, name=name) or {}
    if not isinstance(original, dict):
        raise malformed("expected a mapping at the top", file=name, line=1, column=1)
    expected: JsonObject = {other: below for other, below in original.items() if other != key}
    if value is not None:
        expected[key] = value
    if _same(original, expected):
        return data
    text = data.decode("utf-8-sig")
    result = _spliced(text, _read_root(text), key, value).encode()
    if not _holds(result, expected):
        raise malformed(f"cannot change {shown(key)} in place; write it as a plain block mapping", file=name)
    return _BOM + result if data.startswith(_BOM) else result


def _same(left: Json, right: Json) -> bool:
    """Equality that tells ``1``, ``1.0`` and ``true`` apart and knows no order of keys."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _holds(data: bytes, expected: JsonObject) -> bool:
    try:
        return _same(load(data, name="") or {}, expected)
    except InputError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A top-level entry; ``start`` and ``end`` bound its key and value in characters, without what follows on the line.

    ``is_open`` says that the value is a block scalar, which runs on to the next entry.
    """

    key: str
    start: int
    end: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Root:
    """The top-level mapping: its entries, where it starts (behind the brace), and where the document ends."""

    is_flow: bool
    entries: tuple[_Entry, ...]
    start: int
    end: int


def _read_root(text: str) -> _Root:
    """The spans of the one document ``text``, which is a mapping or empty and keeps the rules of ``load``."""
    top: Any = next((event for event in events(text) if isinstance(event, MappingStartEvent)), None)
    last: Any = next((event for event in events(text) if isinstance(event, DocumentEndEvent) and event.explicit), None)
    return _Root(
        is_flow=top is not None and bool(top.flow_style),
        entries=tuple(_entries(text)),
        start=top.end_mark.index if top else 0,
        end=last.start_mark.index if last else len(text),
    )


def _entries(text: str) -> Iterator[_Entry]:
    """The entries of the top-level mapping: what lies between a key at depth 1 and the value that brings it back."""
    depth = end = 0
    is_open = False
    key: Any = None
    for event in events(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth == 1 and key is None and isinstance(event, ScalarEvent):
            key, end = event, _content_end(event, text)
            continue
        end = max(end, _content_end(event, text))
        if isinstance(event, ScalarEvent):
            is_open = event.style in ("|", ">")
        if depth == 1 and key is not None:
            yield _Entry(key=key.value, start=key.start_mark.index, end=end, is_open=is_open)
            key = None


def _content_end(event: Any, text: str) -> int:
    """Where the characters of ``event`` end; 0 for one that has none.

    The marks of block collections and block scalars run on over comments and blank lines, and those of an empty value
    may stand at the next token; only the indicator before it is its own.
    """
    start: int = event.start_mark.index
    end: int = event.end_mark.index
    if not isinstance(event, ScalarEvent):
        return end if start < end else 0
    if event.style in ("|", ">"):
        return _trimmed(text, end, " \t" + _BREAKS)
    if start < end:
        return end
    end = _trimmed(text, end, " \t")
    return end if text[end - 1 : end] in ("-", ":", "?") else 0


def _trimmed(text: str, end: int, blanks: str) -> int:
    while end and text[end - 1] in blanks:
        end -= 1
    return end


def _spliced(text: str, root: _Root, key: str, value: JsonObject | None) -> str:
    at = next((index for index, entry in enumerate(root.entries) if entry.key == key), None)
    splice = _spliced_flow if root.is_flow else _spliced_block
    return splice(text, root, at, None if value is None else {key: value})


def _spliced_block(text: str, root: _Root, at: int | None, new: JsonObject | None) -> str:
    """``text`` with the lines of entry ``at`` replaced by ``new``.

    An absent one goes to the end, or before the last entry where that is a block scalar which a line break would
    lengthen.
    """
    last_is_open = bool(root.entries) and root.entries[-1].is_open and text[-1] not in _BREAKS
    if at is not None:
        start, end = _line_start(text, root.entries[at].start), _line_end(text, root.entries[at].end)
    else:
        start = end = _line_start(text, root.entries[-1].start) if last_is_open else root.end
    return text[:start] + _block(text, start, root, new) + text[end:]


def _block(text: str, start: int, root: _Root, new: JsonObject | None) -> str:
    """``new`` as it is written into ``text`` at ``start``: the file's line ends, the indentation of its entries."""
    if new is None:
        return ""
    first = root.entries[0].start if root.entries else 0
    before = text[_line_start(text, first) : first]
    indentation = before[: len(before) - len(before.lstrip(" "))]
    found = _BREAK.search(text)
    newline = found[0] if found and found[0] in ("\r\n", "\r") else "\n"
    lines = [indentation + line + newline for line in dump(new).split("\n")[:-1]]
    return "".join(lines if not start or text[start - 1] in _BREAKS else [newline, *lines])


def _line_start(text: str, index: int) -> int:
    while index and text[index - 1] not in _BREAKS:
        index -= 1
    return index


def _line_end(text: str, index: int) -> int:
    """Behind the line break that follows ``index``."""
    match = _BREAK.search(text, index)
    return match.end() if match else len(text)


def _spliced_flow(text: str, root: _Root, at: int | None, new: JsonObject | None) -> str:
    """``text``, whose top is written in braces, with entry ``at`` replaced by ``new`` or ``new`` put last."""
    entries = root.entries
    if new is None:
        start, end = entries[at or 0].start, entries[at or 0].end
        if at is not None and at + 1 < len(entries):
            end = entries[at + 1].start
        elif at:
            start = entries[at - 1].end
        return text[:start] + text[end:]
    item = _emitted(new, _FlowDumper).strip()[1:-1]
    if at is not None:
        return text[: entries[at].start] + item + text[entries[at].end :]
    start = entries[-1].end if entries else root.start
    return text[:start] + (", " if entries else "") + item + text[start:]
