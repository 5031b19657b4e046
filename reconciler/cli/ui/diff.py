"""What changes inside an item, as lines that each format shows: its manifest value by value, its files line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, cast

from reconciler.cli.ui.diff_file import DEFINITIONS, File, content, folded, head, is_said, value_lines, weight
from reconciler.cli.ui.diff_line import LINE_CHARACTERS, Level, Line, excerpt
from reconciler.cli.ui.words import counted
from reconciler.model.config import Json, JsonObject

_MAX_ITEM_LINES: Final = 40
_MAX_LINES: Final = 400
_LEAST_LINES: Final = 5
"""With room for less than that an item's lines are only counted."""


class Detail(Enum):
    """How much is shown of what changes inside an item."""

    NONE = "none"
    STAT = "stat"
    """The files, and how many lines of each."""
    SHORT = "short"
    """40 lines of each item, and 400 in all; then counts."""
    FULL = "full"


class DiffLines:
    """The lines of one plan. It counts what it has given."""

    def __init__(self, detail: Detail) -> None:
        self._detail = detail
        self._left = _MAX_LINES

    def of(self, diff: JsonObject) -> Iterator[Line]:
        """The lines of one item."""
        if self._detail is Detail.NONE:
            return
        files = sorted((cast(File, one) for one in cast(list[Json], diff.get("files", []))), key=weight)
        is_gone = all(one["change"] == "removed" for one in files) and not diff.get("manifest")
        if self._detail is Detail.STAT or (is_gone and self._detail is Detail.SHORT):
            yield from (head(one) for one in files)
            return
        has_lines = any(one["hunks"] and str(one["path"]).endswith(DEFINITIONS) for one in files)
        values = value_lines(cast(JsonObject, diff.get("manifest", {})), has_lines=has_lines)
        yield from self._limited([*values, *self._files(diff, files)])

    def _files(self, diff: JsonObject, files: Iterable[File]) -> Iterator[Line]:
        for one in files:
            yield head(one)
            if self._detail is Detail.FULL:
                yield from content(one)
            elif not is_said(one, cast(JsonObject, diff.get("manifest", {}))):
                yield from folded(one, [*content(one)])

    def _limited(self, found: Sequence[Line]) -> Iterator[Line]:
        if self._detail is Detail.FULL:
            yield from found
            return
        left = min(self._left, _MAX_ITEM_LINES)
        if left < min(len(found), _LEAST_LINES):
            yield Line(level=Level.MORE, sign="…", text=f"{counted(len(found), 'line')}, --full shows them")
            return
        for number, line in enumerate(found):
            cost = 1 + len(line.text) // LINE_CHARACTERS if line.level is Level.TEXT else 1
            if 0 < left < cost:
                line, cost = excerpt(line, found[max(0, number - 1) : number + 2]), 1
            if left < cost:
                text = f"and {_rest(found[number:])} (--full shows all, --stat counts)"
                yield Line(level=Level.MORE, sign="…", text=text)
                return
            left -= cost
            self._left -= cost
            yield line


def _rest(lines: Sequence[Line]) -> str:
    """How much there is, with the files of which not even the head is shown."""
    files = sum(line.level is Level.FILE for line in lines)
    more = [counted(len(lines) - files, "more line")] if files < len(lines) else []
    return ", ".join([*more, *([counted(files, "more file")] if files else [])])
