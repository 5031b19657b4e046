"""What the loop sleeps on: triggers from other threads, signals, and the time."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Wake:
    """Sleeps until someone wakes it. Waking goes through a pipe: that is safe in a handler and in any thread.

    ``stopped_by`` is the signal that asked to end; the change under way is finished first.
    """

    def __init__(self) -> None:
        self.stopped_by: int | None = None
        self._lost = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def trigger(self) -> None:
        """Something may have changed."""
        with suppress(OSError):  # a full pipe wakes just as well
            os.write(self._write, b"t")

    def lost(self) -> None:
        """Triggers were lost."""
        self._lost = True
        self.trigger()

    def sleep(self, seconds: float) -> bool:
        """Sleep for that long, or until someone wakes it; whether someone did."""
        select.select([self._read], [], [], max(0.0, seconds))
        try:
            return bool(os.read(self._read, 65536))
        except BlockingIOError:
            return False

    def take_lost(self) -> bool:
        """Whether triggers were lost since this was asked last."""
        lost, self._lost = self._lost, False
        return lost

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Heed the signals that ask to end. The second one ends the process at once, as if it were killed."""
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def close(self) -> None:
        read, write = self._read, self._write
        self._read = self._write = -1  # first: a thread that still triggers must not write where others read
        os.close(read)
        os.close(write)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.stopped_by is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.stopped_by = number
        self.trigger()
