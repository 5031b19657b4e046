"""Rows below their heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.cli.ui.style import Style, shown
from reconciler.cli.ui.width import cut_to, padded, width_of

_GAP: Final = "  "
_NARROWEST: Final = 6
"""A column is not made narrower than this, or than its head."""
_LAST: Final = 16
"""The last column, mostly a place, is made that narrow before any other one is."""


def table(rows: Sequence[Sequence[str]], style: Style) -> str:
    """The rows with their columns aligned; the first one is the heads.

    On a terminal no row is wider than that, as far as it can be: cells are cut.
    """
    rows = [[shown(cell) for cell in row] for row in rows]  # as wide as it will be
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    if style.width:
        widths = _narrowed(widths, [width_of(head) for head in rows[0]], style.width)
    lines = [
        _GAP.join(padded(cut_to(cell, width), width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([style.paint(lines[0], "bold"), *lines[1:]])


def _narrowed(widths: Sequence[int], heads: Sequence[int], whole: int) -> list[int]:
    """``widths`` that fit into ``whole`` columns: the last column gives way first, then the widest of all."""
    result = [*widths]
    over = sum(result) + len(_GAP) * (len(result) - 1) - whole
    spare = min(over, max(0, result[-1] - _LAST))
    result[-1] -= max(0, spare)
    least = [min(width, max(_NARROWEST, head)) for width, head in zip(widths, heads, strict=True)]
    for _ in range(over - spare):
        column = max(range(len(result)), key=lambda at: (result[at] > least[at], result[at]))
        if result[column] <= least[column]:
            break
        result[column] -= 1
    return result
