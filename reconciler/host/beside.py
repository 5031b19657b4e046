"""Work that no request waits for. There is only so much of it at a time, and it ends with the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

MUCH_BESIDE: Final = 64
"""Each may hold a body."""
MAX_BESIDE: Final = 4_096
_END_SECONDS: Final = 5.0


class Beside:
    """Tasks that are under way. What is too much is left out, and said once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_told = False

    @property
    def has_time(self) -> bool:
        """Whether there is little enough under way for work that takes long."""
        return len(self._tasks) < MUCH_BESIDE

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin it, where there is room."""
        if len(self._tasks) >= MAX_BESIDE:
            if not self._has_told:
                self._has_told = True
                self._tell(f"hooks are too slow: more than {MAX_BESIDE} records waited, and others were left out")
            return
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(f"a record of a hook is missing, because of a bug ({type(error).__name__})")

    async def close(self) -> None:
        """Wait for them, but not for long."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_END_SECONDS)
            for task in late:
                task.cancel()
