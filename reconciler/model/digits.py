"""A whole number that somebody wrote in digits. Pure."""

from __future__ import annotations

from typing import Final

_MOST: Final = 18
"""More digits than any number here has; Python itself refuses to read thousands of them."""


def whole(text: str) -> int | None:
    """The number; ``None`` where ``text`` is none, or a longer one than anybody means."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST else None
