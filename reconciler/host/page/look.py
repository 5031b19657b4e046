"""What is new: one look for all pages that are open, taken where something changed.

It looks by itself only while someone listens. A look that finds everything as it was costs a ``stat`` of each installed
file, and is taken so seldom that it needs a hundredth of one processor at most.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.errors import LlamagateError
from reconciler.host.page.documents import overview_document
from reconciler.loop.fingerprint import Fingerprint, Lookout
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.registry import registry_time
from reconciler.packages.stamps import file_stamp
from reconciler.queries.status import read_status

LOOK_SECONDS: Final = 1.0
"""How old the view may be that is given to one who asks."""
PAUSE_SECONDS: Final = 1.5
"""Between two looks for those who listen: a change shows within two seconds."""
GATEWAY_SECONDS: Final = 30.0
"""After which the gateway is asked again what it serves, though nothing changed here; later where that takes long."""
PING_SECONDS: Final = 15.0
_SHARE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the home was, found at ``at``. ``revision`` is another one whenever ``document`` is."""

    revision: str
    at: str
    document: JsonObject


class Looker:
    """Looks at one home, for any number of pages. It belongs to one event loop."""

    def __init__(
        self,
        env: Callable[[], Environment],
        file: Path,
        ending: asyncio.Event,
        serves: Callable[[], JsonObject | None] = lambda: None,
    ) -> None:
        """``ending`` is set when the server is told to end: then nobody is kept waiting for changes.

        ``serves`` says what this process itself serves; ``None``: it serves nothing.
        """
        self.env, self.file = env, file
        self._serves = serves
        self._ending = ending
        self._begun = uuid.uuid4().hex[:8]
        self._lookout = Lookout(file, Home(env().home))
        self._seen: tuple[Fingerprint, str] | None = None
        self._home: JsonObject = {}
        self._view: View | None = None
        self._looked_at = -LOOK_SECONDS
        self._ask_again_at = math.inf
        self._count = 0
        self._one_look = asyncio.Lock()
        self._listeners = 0
        self._news = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None

    async def view(self) -> View:
        """The view, at most a second old."""
        view = self._view
        if view is None or time.monotonic() - self._looked_at > LOOK_SECONDS:
            view = await self._look()
        return view

    async def changes(self) -> AsyncIterator[View | None]:
        """The view now, and again whenever there is another one; ``None`` where nothing came for a while."""
        self._listeners += 1
        try:
            known = await self.view()
            yield known
            while not self._ending.is_set():
                if self._looking is None:  # the first to listen starts it; so does one who finds that it failed
                    self._looking = asyncio.create_task(self._go_on_looking())
                await self._other_than(known.revision)
                before, known = known, self._view or known
                yield None if known.revision == before.revision else known
        finally:
            self._listeners -= 1

    async def _other_than(self, revision: str) -> None:
        """Wait for another view, for as long as a connection may be silent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PING_SECONDS), self._news:
                await self._news.wait_for(lambda: self._revision != revision or self._ending.is_set())

    @property
    def _revision(self) -> str:
        return self._view.revision if self._view else ""

    async def _go_on_looking(self) -> None:
        try:
            while self._listeners and not self._ending.is_set():
                started = time.monotonic()
                await self._look()
                took = time.monotonic() - started
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), max(PAUSE_SECONDS, took * _SHARE))
        finally:
            self._looking = None
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _look(self) -> View:
        async with self._one_look:
            before = self._view
            if before is not None and time.monotonic() - self._looked_at <= LOOK_SECONDS / 2:
                return before  # somebody else just looked
            view = await asyncio.to_thread(self._look_now, self._serves())
        if before is None or view.revision != before.revision:
            await self._tell()
        return view

    def _look_now(self, serves: JsonObject | None) -> View:
        now = time.monotonic()
        seen = self._lookout.look(), file_stamp(self._lookout.home.status)
        is_read = self._view is None or seen != self._seen or now >= self._ask_again_at
        if is_read:
            self._home, self._seen = self._read(), seen
            took = time.monotonic() - now
            self._ask_again_at = now + max(GATEWAY_SECONDS, took * _SHARE) if _has_gateway(self._home) else math.inf
        document = {**self._home, "serves": serves}
        is_other = self._view is None or document != self._view.document
        if self._view is None or is_read or is_other:
            self._count += is_other
            at = registry_time(self.env().now)
            self._view = View(revision=f"{self._begun}-{self._count}", at=at, document=document)
        self._looked_at = now
        return self._view

    def _read(self) -> JsonObject:
        try:
            return overview_document(read_status(self.env(), self.file))
        except (LlamagateError, OSError) as error:
            return {"error": str(error)}


def _has_gateway(home: JsonObject) -> bool:
    gateway = home.get("gateway")
    return isinstance(gateway, dict) and gateway.get("url") is not None
