"""Runs that outlive the call that began them, each by a handle: bounded in number, in bytes and in time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.model.config import JsonObject

MOST: Final = 64
MOST_BYTES: Final = 2**25
KEPT_SECONDS: Final = 600.0
"""After it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended: with ``data``, of which ``text`` is the JSON, or with an ``error`` in words."""

    text: str = ""
    data: JsonObject | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Job:
    """One run. ``doing`` says what it is at."""

    name: str
    task: asyncio.Task[Ended]
    began: float
    doing: str = ""
    ended: float | None = None
    size: int = 0


class Handles:
    """Those that somebody may still ask for; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}

    def takes_more(self) -> bool:
        """Whether there is room for one more run that nobody waits for."""
        self._tidy()
        return sum(job.ended is None for job in self._jobs.values()) < MOST

    def keep(self, job: Job) -> str:
        """The handle of ``job``, by which it is found from now on."""
        handle = secrets.token_urlsafe(16)
        self._jobs[handle] = job
        job.task.add_done_callback(lambda _: self._ended(job))
        self._tidy()
        return handle

    def find(self, handle: str) -> Job | None:
        """The run with this handle; ``None`` where there is none, or none any more."""
        self._tidy()
        return self._jobs.get(handle)

    async def close(self) -> None:
        """Cancel what still runs."""
        tasks = [job.task for job in self._jobs.values()]
        self._jobs.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, job: Job) -> None:
        job.ended = self._clock()
        if not job.task.cancelled() and job.task.exception() is None:
            job.size = len(job.task.result().text)
        self._tidy()

    def _tidy(self) -> None:
        """Forget what ended long ago; then what ended first, as long as there is too much."""
        now = self._clock()
        over = [(job.ended, handle) for handle, job in self._jobs.items() if job.ended is not None]
        total = sum(job.size for job in self._jobs.values())
        for ended, handle in sorted(over):
            if now - ended > KEPT_SECONDS or len(self._jobs) > MOST or total > MOST_BYTES:
                total -= self._jobs.pop(handle).size
