"""How long work tells the one who waits for it how far it is, and what to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are; bytes, where it ends with ``IN_BYTES``.
Downloads call it from threads of their own."""

IN_BYTES: Final = ", in bytes"

Notice = Callable[[str], None]
"""Called with one line for the person who waits."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """For callers that show none."""


class Listener(Struct, frozen=True, kw_only=True):
    """How a pass speaks to its caller. ``wait``: seconds that it waits for another writer.

    ``warns``: it says who else may change the home; not in each of a watcher's many passes.
    """

    wait: float
    notice: Notice
    progress: Progress = no_progress
    warns: bool = True
