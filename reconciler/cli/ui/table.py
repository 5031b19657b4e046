"""Rows below their heads."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.cli.ui.style import Style


def table(rows: Sequence[Sequence[str]], style: Style) -> str:
    """The rows with their columns aligned; the first one is the heads."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([style.paint(lines[0], "bold"), *lines[1:]])
