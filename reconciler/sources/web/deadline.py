"""One deadline for a whole transfer, whatever the steps are that it takes."""

from __future__ import annotations

import time

from msgspec import Struct

from reconciler.errors import UnreachableError


class Deadline(Struct, frozen=True):
    """``seconds`` is what was granted; ``end`` is on the clock of ``time.monotonic``."""

    seconds: float
    end: float

    @staticmethod
    def after(seconds: float) -> Deadline:
        return Deadline(seconds, time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds until the end, never 0. ``UnreachableError`` once it has passed."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise self.missed()
        return left

    def missed(self) -> UnreachableError:
        """The error to raise where the end has passed."""
        return UnreachableError(f"it did not end within {self.seconds:g} s").for_long()
