"""What changes inside an item, as rows for people: its manifest value by value, its files line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted
from reconciler.documents.unseen import visible
from reconciler.model.config import Json, JsonObject
from reconciler.planning.manifest_diff import MASK

_MAX_VALUE_CHARACTERS: Final = 70
_BEFORE_CHARACTERS: Final = 20
_MAX_ITEM_LINES: Final = 40
_MAX_LINES: Final = 400
_LINE_CHARACTERS: Final = 400
"""A longer line counts as several."""
Spans: TypeAlias = Sequence[Sequence[int]]
_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow"}
_SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}


class Detail(Enum):
    """How much is shown of what changes inside an item."""

    NONE = "none"
    STAT = "stat"
    """The files, and how many lines of each."""
    SHORT = "short"
    """40 lines of each item, and 400 in all; then counts."""
    FULL = "full"


class DiffRows:
    """The rows of one plan. It counts what it has shown."""

    def __init__(self, detail: Detail, style: Style) -> None:
        self._detail, self._style = detail, style
        self._left = _MAX_LINES

    def rows(self, diff: JsonObject) -> Iterator[str]:
        """The rows of one item."""
        if self._detail is Detail.NONE:
            return
        files = [cast(dict[str, Any], one) for one in cast(list[Json], diff.get("files", []))]
        if self._detail is Detail.STAT:
            yield from (self._head(one) for one in files)
            return
        found = [(1, row) for row in self._manifest(cast(JsonObject, diff.get("manifest", {})))]
        for one in files:
            found.append((1, self._head(one)))
            found += self._content(one)
        yield from self._limited(found)

    def _limited(self, found: Sequence[tuple[int, str]]) -> Iterator[str]:
        left = sum(lines for lines, _ in found) if self._detail is Detail.FULL else min(self._left, _MAX_ITEM_LINES)
        for number, (lines, row) in enumerate(found):
            left -= lines
            if left < 0:
                rest = counted(len(found) - number, "more line")
                yield self._style.paint(f"… and {rest} (--full shows all, --stat counts)", "dim")
                return
            self._left -= lines
            yield row

    def _manifest(self, manifest: JsonObject) -> Iterator[str]:
        for path, pair in cast(dict[str, list[Json]], manifest.get("changed", {})).items():
            yield self._style.paint(f"~ {path}: {_pair(pair)}", "yellow")
        for path, value in cast(JsonObject, manifest.get("added", {})).items():
            yield self._style.paint(f"+ {path}: {_value(value)}", "green")
        for path, value in cast(JsonObject, manifest.get("removed", {})).items():
            yield self._style.paint(f"- {path}: {_value(value)}", "red")

    def _head(self, file: dict[str, Any]) -> str:
        sign = _SIGNS[file["change"]]
        return self._style.paint(f"{sign} {visible(file['path']).text} ({', '.join(_facts(file))})", _COLOURS[sign])

    def _content(self, file: dict[str, Any]) -> Iterator[tuple[int, str]]:
        for number, hunk in enumerate(file["hunks"]):
            if number:
                yield 1, self._style.paint("    ⋮", "dim")
            for row in hunk["rows"]:
                yield 1 + len(row["text"]) // _LINE_CHARACTERS, f"    {self._row(row)}"

    def _row(self, row: dict[str, Any]) -> str:
        sign, text = row["sign"], row["text"]
        if sign == "~":
            return self._style.paint(f"~ a paragraph only wrapped otherwise: {text}", "yellow")
        colour = _COLOURS.get(sign, "dim")
        words = row.get("words", [])
        if [[0, len(text)]] == words:
            words = []  # the line is new as a whole
        marks = _marks(words, row.get("unseen", []), len(text))
        parts = [self._part(text[start:end], sign, colour, kind) for start, end, kind in marks]
        return self._style.paint(f"{sign} ", colour) + "".join(parts)

    def _part(self, text: str, sign: str, colour: str, kind: str) -> str:
        if self._style.colours:
            return self._style.paint(self._style.paint(text, "reverse") if kind else text, _KINDS.get(kind, colour))
        return {"-": f"[-{text}-]", "+": f"{{+{text}+}}"}[sign] if kind == "word" else text


_KINDS: Final = {"unseen": "cyan"}


def _marks(words: Spans, unseen: Spans, length: int) -> Iterator[tuple[int, int, str]]:
    """A line in pieces, in order, each with what it is: a changed word, an escape, or neither."""
    end = 0
    spans = sorted([*((*span, "word") for span in words), *((*span, "unseen") for span in _outside(unseen, words))])
    for start, stop, kind in cast(list[tuple[int, int, str]], spans):
        if end < start:
            yield end, start, ""
        yield start, stop, kind
        end = stop
    if end < length:
        yield end, length, ""


def _outside(unseen: Spans, words: Spans) -> Iterator[Sequence[int]]:
    """The escapes outside changed words, which are marked as a whole."""
    return (span for span in unseen if not any(start <= span[0] and span[1] <= end for start, end in words))


def _facts(file: dict[str, Any]) -> Iterator[str]:
    yield f"{file['change']} file"
    if "mode" in file:
        yield "mode {} → {}".format(*file["mode"])
    if file.get("added") or file.get("removed"):
        yield f"+{file['added']} -{file['removed']}"
    if wrapped := file.get("wrapped"):
        yield f"{counted(wrapped, 'paragraph')} only wrapped otherwise"
    if unseen := file.get("unseen"):
        yield f"{counted(unseen, 'character')} that nobody sees"
    if "binary" in file:
        yield "binary: " + " → ".join(_binary(side) for side in file["binary"].values() if side)
    for key, words in _NOTES.items():
        if file.get(key):
            yield words


_NOTES: Final = {
    "too_long": "too long to show",
    "not_shown": "its text cannot be shown",
    "hidden_changed": "a hidden value changed, or how it is written",
}


def _binary(side: dict[str, Any]) -> str:
    return f"{side['size']} bytes {side['digest'][:19]}"


def _value(value: Json) -> str:
    return _cut(json.dumps(value, ensure_ascii=False), 0)


def _pair(values: list[Json]) -> str:
    """Both values; where they are cut, from a little before what differs."""
    if values == [MASK, MASK]:
        return "changed (hidden)"
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    start = 0
    if max(map(len, texts)) > _MAX_VALUE_CHARACTERS:
        same = (at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other)
        start = max(0, next(same, min(map(len, texts))) - _BEFORE_CHARACTERS)
    return " → ".join(_cut(text, start) for text in texts)


def _cut(text: str, start: int) -> str:
    found = text if not start else f"…{text[start:]}"
    return found if len(found) <= _MAX_VALUE_CHARACTERS else found[: _MAX_VALUE_CHARACTERS - 1] + "…"
