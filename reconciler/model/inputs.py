"""The files beside the home that a pass starts from: the desired state and its lock."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Input(Struct, frozen=True, kw_only=True):
    """One of them, as it was read, once, and as it shall be; ``None`` is no file.

    Where both are the same, it is only looked at again before the change. ``said`` tells people what was written.
    """

    path: Path
    before: bytes | None
    data: bytes | None
    said: str = ""

    @property
    def is_written(self) -> bool:
        """Whether the pass writes it."""
        return self.data != self.before
