"""Work that no request waits for. There is only so much of it at a time, and it ends with the host.

It has processes and threads of its own: what is slow in it takes none from those who are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from reconciler.host.workers import Workers

MUCH_BESIDE: Final = 64
"""Each may hold a body."""
MAX_BESIDE: Final = 4_096
_PROCESSES: Final = 2
_THREADS: Final = 2
_END_SECONDS: Final = 5.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Beside:
    """Tasks that are under way. What is too much is left out, and said once. ``seconds`` bound a computation."""

    def __init__(self, tell: Callable[[str], None], *, seconds: float) -> None:
        self.workers = Workers(seconds=seconds, most=_PROCESSES)
        self._threads = ThreadPoolExecutor(_THREADS, "beside")
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_told = False
        self._is_closed = False

    @property
    def has_time(self) -> bool:
        """Whether there is little enough under way for work that takes long."""
        return len(self._tasks) < MUCH_BESIDE

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin it, where there is room, and the host does not end."""
        if self._is_closed:
            return
        if len(self._tasks) >= MAX_BESIDE:
            if not self._has_told:
                self._has_told = True
                self._tell(f"hooks are too slow: more than {MAX_BESIDE} records waited, and others were left out")
            return
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def in_thread(self, function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        """What ``function``, which may block, gives."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *arguments, **named))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(f"a record of a hook is missing, because of a bug ({type(error).__name__})")

    def abandon(self) -> None:
        """End the processes, whatever they do."""
        self.workers.close()

    async def close(self) -> None:
        """Wait for the tasks, but not for long, and end what is left of them."""
        self._is_closed = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_END_SECONDS)
            for task in late:
                task.cancel()
        self.workers.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
