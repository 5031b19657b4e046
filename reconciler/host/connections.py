"""Connections under limits: how many there are, and how long one may be open without a whole request.

Each connection of a caller that says nothing costs a descriptor. The one that has said nothing for longest makes room
for a new one, so that others are served all the same.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from reconciler.fs.probe import most_descriptors
from reconciler.host.web.addresses import Networks, in_origin_form, is_in

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as HTTPProtocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as HTTPProtocol

MAX_CONNECTIONS: Final = 1_000
MAX_PER_ADDRESS: Final = 250
HEAD_SECONDS: Final = 10.0
"""For the head of a request, from the moment at which the connection was made or the last answer ended."""
FAREWELL_SECONDS: Final = 1.0
"""For the other end of an encrypted connection to agree that it is closed: one that is kept alive does not listen."""
MAX_HEAD_BYTES: Final = 64 * 2**10

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """``total`` and ``per_address`` count connections. A trusted proxy's address means many callers."""

    total: int = MAX_CONNECTIONS
    per_address: int = MAX_PER_ADDRESS
    head_seconds: float = HEAD_SECONDS
    trusted: Networks = ()

    @property
    def backlog(self) -> int:
        """How many connections are taken at once, before any of them can be counted."""
        return max(8, min(128, self.total // 2))


def affordable(limits: ConnectionLimits) -> ConnectionLimits:
    """``limits`` that leave half of the descriptors of this process to all else."""
    descriptors = most_descriptors()
    return replace(limits, total=max(8, min(limits.total, descriptors // 2))) if descriptors else limits


@dataclass(slots=True)
class Connections:
    """All connections of a server."""

    limits: ConnectionLimits
    _all: Counter[str] = field(default_factory=Counter)
    _waiting: dict[Guarded, float] = field(default_factory=dict)
    """Since when each waits for a request, the longest first."""
    _timer: asyncio.TimerHandle | None = None

    def entered(self, connection: Guarded, address: str) -> bool:
        """Count one more; whether there is room for it."""
        self._all[address] += 1
        if self._all[address] > self._most_of(address) and not self._end_one(address):
            return False
        if self._all.total() > self.limits.total and not self._end_one(None):
            return False
        self.waits(connection)
        return True

    def left(self, connection: Guarded, address: str) -> None:
        """It is closed."""
        self._waiting.pop(connection, None)
        self._all[address] -= 1
        if self._all[address] <= 0:
            del self._all[address]

    def waits(self, connection: Guarded) -> None:
        """It waits for a request from now on."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def works(self, connection: Guarded) -> None:
        """It has a request, which is not answered yet."""
        self._waiting.pop(connection, None)

    def _most_of(self, address: str) -> int:
        return self.limits.total if is_in(address, self.limits.trusted) else self.limits.per_address

    def _end_one(self, address: str | None) -> bool:
        """End the one that has waited longest, of ``address`` or of all; whether there was one."""
        found = next((one for one in self._waiting if address in (None, one.address)), None)
        if found is not None:
            del self._waiting[found]
            found.end()
        return found is not None

    def _look(self) -> None:
        """End those that have waited too long."""
        before = time.monotonic() - self.limits.head_seconds
        for connection, since in [*self._waiting.items()]:
            if since > before:
                break
            del self._waiting[connection]
            connection.end()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LOOK_SECONDS, self._look) if self._waiting else None


def guarded(connections: Connections, tls: ssl.SSLContext | None = None) -> type[Guarded]:
    """The protocol class of a server whose connections these are, and which are encrypted with ``tls``."""
    return type("Guarded", (Guarded,), {"table": connections, "tls": tls})


class Guarded(HTTPProtocol):
    """One connection. The library's protocol says when a request begins and when its answer has ended.

    It is encrypted here, and not by the event loop, so that one whose other end never greets is counted, too.
    """

    table: Connections
    tls: ssl.SSLContext | None
    address: str = ""
    _head = 0
    _early = b""
    _greeting: asyncio.Task[None] | None = None
    _is_counted = True

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address = _address(transport.get_extra_info("peername"))
        has_room = self.table.entered(self, self.address)
        if has_room and self.tls is not None:
            transport.pause_reading()
            self._greeting = asyncio.ensure_future(self._greeted(transport, self.tls))
            return
        super().connection_made(transport)
        if not has_room:
            if self.tls is None:
                transport.write(_BUSY)
            transport.close()

    async def _greeted(self, transport: Any, tls: ssl.SSLContext) -> None:
        """Go on once keys are agreed on; nothing else is heard of a connection where that fails."""
        seconds = self.table.limits.head_seconds
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                self,
                tls,
                server_side=True,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=FAREWELL_SECONDS,
            )
        except OSError:
            secured = None
        self._greeting = None
        if secured is None:
            self._leave()
            transport.abort()
            return
        super().connection_made(secured)
        if self._early:
            self.data_received(self._early)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._greeting is not None:  # sent with the last words of the greeting
            self._early += data
            return
        super().data_received(data)
        if self._is_answered():
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES:
                self.end()
        else:
            self._head = 0
            self.table.works(self)

    def on_headers_complete(self) -> None:
        """Asked by httptools alone, which forgets what host a target names."""
        request: Any = self
        library: Any = super()
        request.url, request.headers[:] = in_origin_form(request.url, request.headers)
        library.on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_answered():
            self.table.waits(self)

    def _leave(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        if self._is_counted:
            self._is_counted = False
            self.table.left(self, self.address)

    def end(self) -> None:
        """Close it at once, whether or not the other end reads."""
        self._leave()
        self.transport.abort()

    def _is_answered(self) -> bool:
        cycle: Any = self.cycle  # none before the first request
        return cycle is None or bool(cycle.response_complete)


def _address(peer: tuple[Any, ...] | None) -> str:
    try:
        return str(ip_address(peer[0])) if peer else "unknown"
    except ValueError:
        return "unknown"
