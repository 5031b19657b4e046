"""Work that no request waits for. There is only so much of it at a time, and it ends with the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

MAX_BESIDE: Final = 256
_END_SECONDS: Final = 5.0


class Beside:
    """Tasks that are under way. What is too much is left out, and said once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_told = False

    @property
    def has_room(self) -> bool:
        """Whether another one may begin."""
        return len(self._tasks) < MAX_BESIDE

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin it, where there is room."""
        if not self.has_room:
            if not self._has_told:
                self._has_told = True
                self._tell(f"hooks are too slow: more than {MAX_BESIDE} records waited, and others were left out")
            return
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for them, but not for long."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_END_SECONDS)
            for task in late:
                task.cancel()
