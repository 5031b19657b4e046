"""The connections to the upstream: new ones, and those that wait for the next exchange."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Final

from reconciler.host.errors import UpstreamError, UpstreamTimeoutError
from reconciler.host.upstream.address import Upstream
from reconciler.host.upstream.wire import Wire

CONNECT_SECONDS: Final = 10.0
MAX_KEPT: Final = 32
_SAFE_TO_REPEAT: Final = frozenset([b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"])
_DELAY_SECONDS: Final = 0.25
"""After which the next address of a name is tried too."""


def may_repeat(method: bytes) -> bool:
    """Whether a request may be sent again where nobody knows if the first one was taken (RFC 9110, 9.2.2)."""
    return method in _SAFE_TO_REPEAT


class Pool:
    """Connections to one upstream, all in one event loop."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._kept: list[Wire] = []
        self._tls: ssl.SSLContext | None = None

    def kept(self) -> Wire | None:
        """A connection that waits, the one that was used last."""
        while self._kept:
            wire = self._kept.pop()
            if wire.is_usable:
                return wire
            wire.abort()
        return None

    async def connect(self) -> Wire:
        """A new connection. ``UpstreamError`` where there is none to be had."""
        upstream = self.upstream
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, upstream.seconds)):
                _, wire = await loop.create_connection(
                    lambda: Wire(upstream.seconds),
                    upstream.host,
                    upstream.port,
                    ssl=await self._context(),
                    happy_eyeballs_delay=None if _is_number(upstream.host) else _DELAY_SECONDS,
                )
        except TimeoutError as error:
            raise UpstreamTimeoutError("no connection to the upstream could be made in time") from error
        except (OSError, UnicodeError) as error:
            raise UpstreamError(f"the upstream cannot be reached ({_reason(error)})") from error
        return wire

    def give_back(self, wire: Wire) -> None:
        """Keep a connection whose exchange has ended; close any other one."""
        if self.waiting < MAX_KEPT and wire.rest():
            self._kept = [one for one in self._kept if not one.is_lost] + [wire]
        else:
            wire.abort()

    @property
    def waiting(self) -> int:
        """How many wait for the next exchange."""
        return sum(not wire.is_lost for wire in self._kept)

    def close(self) -> None:
        """Close those that wait."""
        while self._kept:
            self._kept.pop().abort()

    async def _context(self) -> ssl.SSLContext | None:
        if self.upstream.is_encrypted and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)  # reads all certificates of the system
        return self._tls


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
