"""Wait for a run that a tool began, tell its client how it goes, and end with a value."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import LlamagateError
from reconciler.host.engine.run import StepEvent
from reconciler.host.mcp.handles import Ended, Job
from reconciler.model.config import JsonObject

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

LEFT: Final = "llamagate.left"
"""In the scope of a request: an event that is set when its caller goes away."""
MOST_RESULT: Final = 2**20
"""Bytes of JSON in one result: more than any model reads."""
BEAT_SECONDS: Final = 5.0
"""Between two words of progress."""
_SHOWN_CHARACTERS: Final = 80


class GoneError(Exception):
    """The caller of a tool went away."""


class News:
    """What a run is at, in words: the steps of the tool itself, not of what these call."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._depth: int | None = None
        self.job: Job | None = None
        self.fresh = asyncio.Event()

    def began(self, event: StepEvent) -> None:
        self._depth = event.depth if self._depth is None else self._depth
        if event.depth == self._depth and self.job is not None:
            name = f"{event.name}: {event.uses}" if event.name and event.name != event.uses else event.uses
            self.job.doing = f"step {event.number} of {self._total} ({name[:_SHOWN_CHARACTERS]})"
            self.fresh.set()

    def ended(self, event: StepEvent) -> None:
        """The next one, or the result, says so."""


async def waited(ctx: ServerRequestContext[Any, Any], job: Job, news: News, seconds: float) -> bool:
    """Whether ``job`` ended within ``seconds``; meanwhile the client is told how it goes.

    ``GoneError`` where it left.
    """
    left = _left(ctx)
    until = time.monotonic() + seconds
    leaving = asyncio.create_task(left.wait())
    try:
        while not job.task.done() and (rest := until - time.monotonic()) > 0:
            fresh = asyncio.create_task(news.fresh.wait())
            try:
                waiting = [job.task, leaving, fresh]
                await asyncio.wait(waiting, timeout=min(rest, BEAT_SECONDS), return_when=asyncio.FIRST_COMPLETED)
            finally:
                fresh.cancel()
            if left.is_set():
                raise GoneError
            news.fresh.clear()
            if not job.task.done():
                passed = round(time.monotonic() - job.began, 3)
                await ctx.session.report_progress(passed, None, job.doing or "it runs")
    finally:
        leaving.cancel()
    return job.task.done()


async def ended_of(running: Coroutine[Any, Any, JsonObject]) -> Ended:
    """How it ended, as a value: nobody may be there to see it raise."""
    try:
        data = await running
    except LlamagateError as error:
        return Ended(error="; ".join([error.message, *error.details]))
    return await asyncio.to_thread(_bounded, data)


def _bounded(data: JsonObject) -> Ended:
    text = json.dumps(data, ensure_ascii=False)
    if len(text) > MOST_RESULT or len(text.encode("utf-8", "replace")) > MOST_RESULT:
        return Ended(error=f"The result has more than {MOST_RESULT} bytes, which is too much for a tool")
    clean = text.encode("utf-8", "replace").decode()  # half a surrogate pair, which a model's JSON can spell
    return Ended(text=clean, data=data if clean == text else json.loads(clean))


def _left(ctx: ServerRequestContext[Any, Any]) -> asyncio.Event:
    found = ctx.request.scope.get(LEFT) if ctx.request is not None else None
    return found if isinstance(found, asyncio.Event) else asyncio.Event()
