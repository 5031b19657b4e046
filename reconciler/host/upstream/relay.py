"""One request to the upstream and its answer back, at the level of ASGI: bytes pass as they come, both ways at once.

Where one side leaves, the other learns it at once: the caller's connection is cut short of a valid end where the
upstream's answer was, and the upstream's connection is closed where the caller is gone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import h11
from starlette.types import Receive, Send

from reconciler.host.errors import UpstreamError
from reconciler.host.upstream.headers import answered_headers
from reconciler.host.upstream.pool import Pool, may_repeat
from reconciler.host.upstream.wire import Event, Wire

_SWITCHING: Final = 101
_LAST_STATUS: Final = 599
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class End(StrEnum):
    """How an exchange ended: as both sides meant it, by the caller's leaving, or by the upstream's."""

    WHOLE = "whole"
    LEFT = "left"
    CUT = "cut"


class Tap(Protocol):
    """Who sees what passes. It changes nothing, and is quick."""

    def asked(self, data: bytes, *, is_last: bool) -> None:
        """A part of the request's body."""

    def began(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """The head of the answer."""

    def answered(self, data: bytes) -> None:
        """A part of the answer's body."""

    def ended(self, end: End) -> None:
        """That is all."""


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """What is under way. ``body`` is the first part of the request's, after which there is ``more`` or not."""

    request: h11.Request
    request_id: bytes
    receive: Receive
    send: Send
    tap: Tap | None
    body: bytes
    more: bool
    has_left: bool = False
    connecting: asyncio.Task[Wire] | None = None
    wire: Wire | None = None
    has_wire: asyncio.Event = field(default_factory=asyncio.Event)

    async def upload(self) -> None:
        """Send what is left of the request's body, and then see whether the caller goes away."""
        more = self.more
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self._leave()
                return
            if more:
                more = message.get("more_body", False)
                await self._pass_on(message.get("body", b""), is_last=not more)

    async def _pass_on(self, body: bytes, *, is_last: bool) -> None:
        if self.tap:
            self.tap.asked(body, is_last=is_last)
        await self.has_wire.wait()
        if self.wire is not None:
            try:
                await self.wire.send(body, is_last=is_last)
            except h11.LocalProtocolError:  # not what the request's head says
                self.wire.abort()

    def _leave(self) -> None:
        """The caller is gone: nothing more is asked of the upstream."""
        self.has_left = True
        if self.connecting is not None:
            self.connecting.cancel()
        if self.wire is not None:
            self.wire.abort()


class Relay:
    """Passes requests on over a pool's connections."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def exchange(
        self, request: h11.Request, request_id: bytes, receive: Receive, send: Send, tap: Tap | None = None
    ) -> End:
        """Do one. ``UpstreamError`` where it failed and nothing was sent to the caller yet.

        ``TimeoutError`` where the caller announces a body and sends nothing of it.
        """
        async with asyncio.timeout(self.pool.upstream.seconds):
            first = await receive()
        if first["type"] == "http.disconnect":
            return End.LEFT
        body, more = first.get("body", b""), first.get("more_body", False)
        if tap:
            tap.asked(body, is_last=not more)
        end = End.CUT
        try:
            end = await self._watched(
                _Exchange(
                    request=request,
                    request_id=request_id,
                    receive=receive,
                    send=send,
                    tap=tap,
                    body=body,
                    more=more,
                )
            )
        finally:
            if tap:
                tap.ended(end)
        return end

    async def _watched(self, exchange: _Exchange) -> End:
        """The exchange, which ends as soon as the caller leaves."""
        uploading = asyncio.create_task(exchange.upload())
        try:
            return await self._done(exchange)
        except UpstreamError:
            if exchange.has_left:
                return End.LEFT
            raise
        finally:
            uploading.cancel()
            await asyncio.wait([uploading])

    async def _done(self, exchange: _Exchange) -> End:
        kept = None if exchange.more else self.pool.kept()
        if kept is not None:
            try:
                return await self._over(kept, exchange)
            except UpstreamError:
                if kept.has_heard or exchange.has_left or not may_repeat(exchange.request.method):
                    raise
        wire = await self._connected(exchange)
        return await self._over(wire, exchange) if wire else End.LEFT

    async def _connected(self, exchange: _Exchange) -> Wire | None:
        """A new connection; ``None`` where the caller leaves meanwhile."""
        exchange.connecting = connecting = asyncio.create_task(self.pool.connect())
        try:
            await asyncio.wait([connecting])
        finally:
            if exchange.has_left or not connecting.done():
                connecting.cancel()
                connecting.add_done_callback(_abort)
        return None if exchange.has_left else connecting.result()

    async def _over(self, wire: Wire, exchange: _Exchange) -> End:
        exchange.wire = wire
        try:
            wire.begin(exchange.request, exchange.body, is_whole=not exchange.more)
            exchange.has_wire.set()
            head = await _head(wire)
            headers = answered_headers(head.headers.raw_items(), exchange.request_id)
            if exchange.tap:
                exchange.tap.began(head.status_code, headers)
            await exchange.send({"type": "http.response.start", "status": head.status_code, "headers": headers})
            return await _body(wire, exchange)
        finally:
            self.pool.give_back(wire)


async def _head(wire: Wire) -> h11.Response:
    while True:
        event = await wire.event()
        if isinstance(event, h11.Response):
            _check(event)
            return event
        if not isinstance(event, h11.InformationalResponse) or event.status_code == _SWITCHING:
            raise UpstreamError("the upstream answered with another protocol")


def _check(head: h11.Response) -> None:
    """``UpstreamError`` where a server cannot send it on: it would cut the connection instead."""
    if head.status_code > _LAST_STATUS:
        raise UpstreamError(f"the upstream answered with the status {head.status_code}, which HTTP does not have")
    if any(_CONTROL.search(value) for _, value in head.headers):
        raise UpstreamError("the upstream's answer has a control character in a header")


async def _body(wire: Wire, exchange: _Exchange) -> End:
    """Pass on the body as it comes: all that has come by now in one piece."""
    try:
        event = await wire.event()
        while isinstance(event, h11.Data):
            data, event = _at_hand(wire, bytes(event.data))
            is_last = isinstance(event, h11.EndOfMessage)
            if exchange.tap:
                exchange.tap.answered(data)
            await exchange.send({"type": "http.response.body", "body": data, "more_body": not is_last})
            if is_last:
                break
            event = await wire.event()
        else:
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
    except UpstreamError:
        return End.LEFT if exchange.has_left else End.CUT
    return End.LEFT if exchange.has_left else End.WHOLE


def _at_hand(wire: Wire, data: bytes) -> tuple[bytes, Event]:
    """``data`` with what has come behind it, and what comes next where that is known, too."""
    more = []
    try:
        while isinstance(event := wire.at_hand(), h11.Data):
            more.append(event.data)
    except UpstreamError:
        event = h11.NEED_DATA  # what came is passed on first; it fails again when it is asked again
    return b"".join((data, *more)) if more else data, event


def _abort(connecting: asyncio.Task[Wire]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().abort()
