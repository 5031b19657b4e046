"""How wide text is on a terminal, and how to make it narrower."""

from __future__ import annotations

import unicodedata

_ELLIPSIS = "…"


def width_of(text: str) -> int:
    """How many columns a terminal takes for ``text``."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def cut_to(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns, with an ellipsis where something is left out: of a path at its start."""
    if width_of(text) <= width:
        return text
    if text.startswith("/"):
        return cut_to(text[:0:-1] + "/", width)[::-1]
    kept, used = "", 0
    for character in text:
        used += _columns(character)
        if used > width - 1:
            break
        kept += character
    return kept + _ELLIPSIS


def padded(text: str, width: int) -> str:
    """``text`` with spaces up to ``width`` columns."""
    return text + " " * (width - width_of(text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
