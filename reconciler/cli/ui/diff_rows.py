"""The lines of a diff as rows of a page: painted or with brackets, and not wider than the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.cli.ui.diff_line import Level, Line
from reconciler.cli.ui.style import Style

_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow"}
_BRACKETS: Final = {"-": "[-{}-]", "+": "{{+{}+}}"}
_INDENTS: Final = {Level.TEXT: "    ", Level.GAP: "    "}
_LEAST: Final = 20
"""Columns for a text, however narrow the page is."""


def diff_rows(lines: Iterable[Line], style: Style, width: int | None = None) -> Iterator[str]:
    """Each line as one row, or where it is longer than ``width`` as several, the others indented by two."""
    for line in lines:
        indent = _INDENTS.get(line.level, "")
        if line.level in (Level.GAP, Level.MORE):
            yield indent + style.paint(f"{line.sign} {line.text}".strip(), "dim")
            continue
        if not style.colours:
            line = _bracketed(line)
        colour = _COLOURS.get(line.sign, "dim")
        room = None if width is None else max(_LEAST, width - len(indent) - 2)
        for number, (start, end) in enumerate(_folds(line.text, room)):
            sign = "  " if number else f"{line.sign} "
            yield indent + style.paint(sign, colour) + "".join(_parts(line, start, end, style, colour))


def _bracketed(line: Line) -> Line:
    """With brackets around the words that changed, for where there are no colours."""
    pieces = ((line.text[start:end], kind) for start, end, kind in line.pieces())
    text = "".join(_BRACKETS[line.sign].format(text) if kind == "word" else text for text, kind in pieces)
    return Line(level=line.level, sign=line.sign, text=text)


def _parts(line: Line, start: int, end: int, style: Style, colour: str) -> Iterator[str]:
    for first, last, kind in line.pieces():
        text = line.text[max(first, start) : min(last, end)]
        if not text:
            continue
        painted = style.paint(text, "reverse") if kind else text
        yield style.paint(painted, "cyan" if kind == "unseen" else colour)


def _folds(text: str, room: int | None) -> Iterator[tuple[int, int]]:
    """From where to where each row goes: it ends before the last space that fits, or where the room ends."""
    start = 0
    while room is not None and (end := _end_of(text, start, room)) < len(text):
        space = text.rfind(" ", start, end + 1)
        if space > start and text[start:space].strip():
            yield start, space
            start = space + 1
        else:
            yield start, end
            start = end
    yield start, len(text)


def _end_of(text: str, start: int, room: int) -> int:
    """Where the part of ``text`` from ``start`` ends that takes ``room`` columns."""
    if text.isascii():
        return start + room
    for at in range(start, len(text)):
        character = text[at]
        wide = unicodedata.east_asian_width(character) in "WF"
        room -= 0 if unicodedata.combining(character) else 2 if wide else 1
        if room < 0:
            return max(at, start + 1)
    return len(text)
