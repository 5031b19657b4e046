"""How long work tells about itself."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are."""

Notice = Callable[[str], None]
"""Called with one line for the person who waits."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """For callers that show none."""
