"""Numbers and moments in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 item``, ``2 items``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def moment(timestamp: str) -> str:
    """The date and time of day of a timestamp of ours."""
    return timestamp[:19].replace("T", " ")
