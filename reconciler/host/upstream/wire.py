"""One connection to the upstream: an exchange at a time, read as it comes, and cut at once where it must be.

``h11`` reads and writes HTTP; this is what is between it and the event loop. A client library would do, but for three
things: it spells targets and headers its own way, it learns late that the other end is gone, and each piece of a
stream costs it twice as much (``docs/decisions/upstream.md``).
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import h11

from reconciler.host.errors import UpstreamError, UpstreamTimeoutError

_AHEAD_BYTES: Final = 2**16
"""As much is read before what came earlier is passed on."""
_MAX_HEAD_BYTES: Final = 2**17
_LOOK_SECONDS: Final = 1.0
KEPT_SECONDS: Final = 4.0
"""For a connection that waits for the next exchange: shorter than servers keep theirs, most of them 5 s and more."""

Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


class Wire(asyncio.Protocol):
    """``seconds`` bound how long nothing may move in either direction while an exchange is under way."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._seconds = seconds
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._ahead = 0
        self._moved = self._loop.time()
        self._is_busy = True
        self._is_lost = False
        self._is_cut = False
        self._is_late = False
        self.has_heard = False
        """Whether anything came in this exchange."""
        self._timer = self._loop.call_later(self._pause, self._look)

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._is_busy:  # nobody asked: it would be taken for the answer to what is asked next
            self.abort()
            return
        self._moved = self._loop.time()
        self.has_heard = True
        self._http.receive_data(data)
        self._ahead += len(data)
        if self._ahead > _AHEAD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._timer.cancel()
        if exc is None and not self._is_cut and self._http.their_state is not h11.ERROR:
            self._http.receive_data(b"")  # an answer without a length ends so
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        self._moved = self._loop.time()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    # What the relay does

    @property
    def idle_seconds(self) -> float:
        """For how long nothing has moved."""
        return self._loop.time() - self._moved

    @property
    def is_usable(self) -> bool:
        """Whether another exchange can begin on it."""
        return not self._is_lost and self.idle_seconds < KEPT_SECONDS

    @property
    def is_lost(self) -> bool:
        return self._is_lost

    def begin(self, request: h11.Request, body: bytes, *, is_whole: bool) -> None:
        """Send a request with the first part of its body. ``h11.LocalProtocolError`` where it cannot be written."""
        self._is_busy, self.has_heard = True, False
        data = self._http.send(request) or b""
        if body:
            data += self._http.send(h11.Data(data=body)) or b""
        if is_whole:
            data += self._http.send(h11.EndOfMessage()) or b""
        self._write(data)

    async def send(self, body: bytes, *, is_last: bool) -> None:
        """Send a further part of the body, once there is room for it."""
        data = self._http.send(h11.Data(data=body)) or b"" if body else b""
        if is_last:
            data += self._http.send(h11.EndOfMessage()) or b""
        self._write(data)
        if self._room is not None:
            await asyncio.shield(self._room)

    async def event(self) -> Event:
        """What comes next, of ``h11``. ``UpstreamError`` where nothing does."""
        while (found := self.at_hand()) is h11.NEED_DATA:
            if self._is_lost:
                raise self._lost()
            self._waiter = self._loop.create_future()
            await self._waiter
        return found

    def at_hand(self) -> Event:
        """What has come already; ``h11.NEED_DATA`` where nothing has."""
        try:
            found = self._http.next_event()
        except h11.RemoteProtocolError as error:
            reason = str(error).partition(": bytearray")[0]  # what was sent may be private
            raise (
                self._lost() if self._is_lost else UpstreamError(f"the upstream's answer is not HTTP: {reason}")
            ) from error
        if found is h11.NEED_DATA and self._ahead:
            if self._ahead > _AHEAD_BYTES and self._transport is not None and not self._is_lost:
                self._transport.resume_reading()
            self._ahead = 0
        return found

    def rest(self) -> bool:
        """End the exchange; whether the connection can take another one."""
        states = {self._http.our_state, self._http.their_state}
        if self._is_lost or states != {h11.DONE} or self._http.trailing_data != (b"", False):
            return False
        self._http.start_next_cycle()
        self._is_busy = False
        return True

    def abort(self) -> None:
        """Close it at once."""
        self._is_cut = True
        self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    # Within

    @property
    def _pause(self) -> float:
        return min(self._seconds, _LOOK_SECONDS)

    def _write(self, data: bytes) -> None:
        self._moved = self._loop.time()
        if self._transport is not None and not self._is_lost:
            self._transport.write(data)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _look(self) -> None:
        """Cut an exchange in which nothing has moved for too long, and end a connection that waits for one too long."""
        if self.idle_seconds >= (self._seconds if self._is_busy else KEPT_SECONDS):
            self._is_late = self._is_busy
            self.abort()
            return
        self._timer = self._loop.call_later(self._pause, self._look)

    def _lost(self) -> UpstreamError:
        if self._is_late:
            return UpstreamTimeoutError(f"the upstream was silent for {self._seconds:g} seconds")
        return UpstreamError("the upstream closed the connection before its answer ended")
