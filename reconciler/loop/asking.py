"""Asks the sources for newer versions, beside the loop: they may take minutes to answer, and nothing waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from reconciler.errors import LlamagateError
from reconciler.loop.wake import Wake
from reconciler.model.watched import Newer


class Asking:
    """One question at a time. The loop is woken once there is an answer; where a source fails, there is none."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._thread: threading.Thread | None = None
        self._answer: Newer | None = None
        self._ended = threading.Event()

    def begin(self, ask: Callable[[], Newer]) -> None:
        """Ask, unless that is being done. A process that ends waits for no answer."""
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, args=(ask,), name="newer versions", daemon=True)
            self._thread.start()

    def take(self, *, waits: bool = False) -> Newer | None:
        """The answer, once; ``None`` while there is none. ``waits`` until it is known whether there is one."""
        if self._thread is None or not (waits or self._ended.is_set()):
            return None
        self._ended.wait()
        self._thread = None
        answer, self._answer = self._answer, None
        return answer

    def _run(self, ask: Callable[[], Newer]) -> None:
        try:
            self._answer = ask()
        except (LlamagateError, OSError):
            self._answer = None
        finally:
            self._ended.set()  # first: who is woken looks, while this thread may still run
            self._wake.trigger()
