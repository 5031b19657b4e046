"""What hooks see of a request that is passed on, and of its answer. They get copies, once it has passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.requests import Request

from reconciler.host.engine.pieces import done
from reconciler.host.engine.run import Reply
from reconciler.host.errors import RunError
from reconciler.host.hooks import HookEvent, unread
from reconciler.host.runtime import Runtime
from reconciler.host.snapshot import Snapshot
from reconciler.host.upstream.kept import NO_REPLY, Kept, Read, cost_of, kept_of, reply_of, text_of
from reconciler.host.upstream.relay import End
from reconciler.host.upstream.unread import ANSWERS
from reconciler.host.web.access import Access
from reconciler.host.web.front import request_id_of
from reconciler.host.web.request import Body
from reconciler.model.config import Json

_OK: Final = 200

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A request that passes, its ``path`` in the plainest spelling. ``address`` is its caller's."""

    request: Request
    request_id: str
    path: str
    address: str
    snapshot: Snapshot


class HookTap:
    """Keeps what hooks want of one request, and has them write it beside all else."""

    def __init__(self, runtime: Runtime, passing: Passing, *, sees_request: bool, sees_answer: bool) -> None:
        self._runtime = runtime
        self._passing = passing
        self._request = Kept() if sees_request else None
        self._sees_answer = sees_answer
        self._answer: tuple[Kept, Pairs] | None = None

    def asked(self, data: bytes, *, is_last: bool) -> None:
        if self._request is not None:
            self._request.add(data)
            if is_last:
                self._tell_request(self._request)

    def began(self, status: int, headers: Pairs) -> None:
        if self._sees_answer and status == _OK:
            self._answer = kept_of(headers), headers

    def answered(self, data: bytes) -> None:
        if self._answer is not None:
            self._answer[0].add(data)

    def ended(self, end: End) -> None:
        if self._request is not None:
            self._request.is_whole = False  # its end never came
            self._tell_request(self._request)
        if self._answer is not None:
            kept, headers = self._answer
            held = kept if self._runtime.beside.has_time else None
            self._runtime.beside.begin(partial(self._tell_answer, held, headers, is_cut=end is not End.WHOLE))

    def _tell_request(self, kept: Kept) -> None:
        self._request = None
        passing = self._passing
        event = HookEvent(
            method=passing.request.method,
            path=passing.path,
            request_id=passing.request_id,
            address=passing.address,
            body=partial(self._read, kept) if self._runtime.beside.has_time else unread,
        )
        requested = self._runtime.hooks.requested
        self._runtime.beside.begin(partial(requested, passing.snapshot, event.path, lambda: event))

    async def _read(self, kept: Kept) -> tuple[Read, Json]:
        """A request's body, for the hooks that want to see it."""
        workers, headers = self._runtime.beside.workers, self._passing.request.headers.raw
        read, data = await done(workers, cost_of(kept, headers), text_of, kept, headers)
        return await Body(data, workers).read() if read is Read.READ else (read, None)

    async def _tell_answer(self, kept: Kept | None, headers: Pairs, *, is_cut: bool) -> None:
        read, reply = (Read.UNREADABLE, NO_REPLY) if kept is None else await self._reply(kept, headers, is_cut=is_cut)
        await self._runtime.hooks.answered(self._passing.snapshot, reply, self._passing.request_id, read)

    async def _reply(self, kept: Kept, headers: Pairs, *, is_cut: bool) -> tuple[Read, Reply]:
        try:
            return await done(
                self._runtime.beside.workers, cost_of(kept, headers), reply_of, kept, headers, is_cut=is_cut
            )
        except RunError:  # it takes too long
            return Read.UNREADABLE, NO_REPLY


def tap_of(runtime: Runtime, access: Access, request: Request, path: str) -> HookTap | None:
    """What hooks want to see of a request for ``path``; ``None`` where no hook wants anything."""
    hooks, snapshot = runtime.hooks, runtime.snapshot
    sees_request = hooks.see_requests(snapshot, path)
    sees_answer = path in ANSWERS and hooks.see_answers(snapshot)
    if not (sees_request or sees_answer):
        return None
    passing = Passing(
        request=request,
        request_id=request_id_of(request.scope),
        path=path,
        address=access.address_of(request),
        snapshot=snapshot,
    )
    return HookTap(runtime, passing, sees_request=sees_request, sees_answer=sees_answer)
