"""A page about one thing: names and what they stand for, in parts with a title."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.cli.ui.style import Style

_NARROWEST: Final = 20
_MORE: Final = 6
"""How far in the second line of a row is."""


def facts(rows: Sequence[tuple[str, str]], style: Style) -> list[str]:
    """Each name with what it stands for, beside each other; what is empty is left out."""
    kept = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in kept), default=0)
    indent = " " * (width + 4)
    lines = []
    for name, text in kept:
        first, *more = (line for one in text.splitlines() for line in wrapped(one, style, indent=len(indent)))
        lines += [f"  {style.paint(name.ljust(width), 'dim')}  {first}", *(f"{indent}{line}" for line in more)]
    return lines


def part(title: str, rows: Iterable[str], style: Style) -> list[str]:
    """Rows below a title, with an empty line above; nothing where there are no rows."""
    lines = [line for row in rows for line in _row(row, style)]
    return ["", style.paint(title, "bold"), *lines] if lines else []


def _row(row: str, style: Style) -> list[str]:
    """A row in lines of the terminal, all but the first further in."""
    first, *more = wrapped(row, style, indent=_MORE) if style.width and len(row) + 2 > style.width else [row]
    return [f"  {first}", *(f"{' ' * _MORE}{line}" for line in more)]


def wrapped(text: str, style: Style, *, indent: int) -> list[str]:
    """``text`` in lines of the terminal, where it is one, without the ``indent`` that they get."""
    width = style.width - indent
    if not style.width or width < _NARROWEST:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
