"""What machines ask: whether the process lives, whether the home is ready, and how it is in figures."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from reconciler.host.web.response import answer
from reconciler.host.web.traffic import Traffic
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.watched import Aspect, Condition
from reconciler.queries.metrics import read_metrics
from reconciler.queries.status import is_watched, watcher_of

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNAVAILABLE: Final = 503
_FRESH_SECONDS: Final = 1.0
"""How old figures may be: several that ask at once cost one look."""


class Machines:
    """Answers for one home. ``is_watcher``: the watcher of the home is this very process."""

    def __init__(
        self, env: Callable[[], Environment], file: Path, *, is_watcher: bool, traffic: Traffic | None = None
    ) -> None:
        """``traffic`` counts what this process answers, where it serves more than figures."""
        self._env = env
        self._file = file
        self._is_watcher = is_watcher
        self._traffic = traffic
        self._one_look = asyncio.Lock()
        self._looked_at = -_FRESH_SECONDS
        self._text = ""

    async def live(self, _request: Request) -> Response:
        """That it answers is all that there is to say."""
        return answer({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """The condition Ready, of the watcher that keeps this home; where there is none, what is served is ready."""
        ready, reason, message = await asyncio.to_thread(self._ready)
        return answer({"ready": ready, "reason": reason, "message": message}, 200 if ready else _UNAVAILABLE)

    async def metrics(self, _request: Request) -> Response:
        async with self._one_look:
            if time.monotonic() - self._looked_at >= _FRESH_SECONDS:
                self._text = await asyncio.to_thread(self._figures)
                self._looked_at = time.monotonic()
        served = self._traffic.text(str(self._env().home)) if self._traffic else ""
        return Response(self._text + served, media_type=METRICS_TYPE)

    def _figures(self) -> str:
        return read_metrics(self._env(), self._file)

    def _ready(self) -> tuple[bool, str, str]:
        condition, is_at_work = self._condition()
        if condition is not None:
            return condition.status == "True", condition.reason, condition.message
        if is_at_work:
            return False, "Starting", "the watcher has not made its first attempt yet"
        return True, "NotWatched", "no watcher keeps this home"

    def _condition(self) -> tuple[Condition | None, bool]:
        """Ready as the watcher at work said it last; and whether there is one."""
        home = Home(self._env().home)
        watcher = watcher_of(home)
        is_at_work = self._is_watcher or is_watched(home, watcher)
        if watcher is None or not is_at_work or (self._is_watcher and watcher.pid != os.getpid()):
            return None, is_at_work  # what an earlier watcher said does not count
        return watcher.conditions.get(Aspect.READY), is_at_work
