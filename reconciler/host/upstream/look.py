"""Look at the upstream from the outside: whether it answers, what it has of ours, and whether it is ourselves."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import h11

from reconciler.host.errors import UpstreamError
from reconciler.host.upstream.address import Upstream
from reconciler.host.upstream.pool import Pool

_SECONDS: Final = 2.0
_OK: Final = 200
_NO_KEY: Final = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look found."""

    answers: bool
    has_extensions: bool = False
    needs_key: bool = False


class Looks:
    """Asks whether the upstream answers. Those who ask at one time share one look."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._look: asyncio.Task[bool] | None = None

    async def is_reachable(self) -> bool:
        """Whether a server answers there, whatever it says."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._answers())
        return await asyncio.shield(self._look)

    async def _answers(self) -> bool:
        return await _status(self._pool, b"/v1/models") is not None


def first_look(upstream: Upstream) -> Seen:
    """What is there, before anything is served."""
    with ThreadPoolExecutor(1) as thread:  # its caller's own may run an event loop
        return thread.submit(asyncio.run, _first_look(upstream)).result()


async def _first_look(upstream: Upstream) -> Seen:
    pool = Pool(upstream)
    try:
        status = await _status(pool, b"/v1/extensions")
    finally:
        pool.close()
    return Seen(answers=status is not None, has_extensions=status == _OK, needs_key=status == _NO_KEY)


async def _status(pool: Pool, path: bytes) -> int | None:
    """How the upstream answers to a GET; what it says, however long, is not read. ``None`` where it does not."""
    headers = [(b"host", pool.upstream.authority)]
    if pool.upstream.api_key:
        headers.append((b"authorization", b"Bearer " + pool.upstream.api_key.encode()))
    request = h11.Request(method=b"GET", target=pool.upstream.base + path, headers=headers)
    try:
        async with asyncio.timeout(_SECONDS):
            wire = await pool.connect()
            try:
                wire.begin(request, b"", is_whole=True)
                event = await wire.event()
            finally:
                wire.abort()
    except (UpstreamError, TimeoutError):
        return None
    return event.status_code if isinstance(event, h11.Response) else None


def is_here(upstream: Upstream, host: str, port: int) -> bool:
    """Whether the upstream's address is the one that this process is about to listen at."""
    if port != upstream.port:
        return False
    ours = _addresses(host)
    theirs = _addresses(upstream.host)
    if any(ipaddress.ip_address(address).is_unspecified for address in ours):
        return any(_is_local(address) for address in theirs)
    return bool(ours & theirs)


def _addresses(host: str) -> frozenset[str]:
    try:
        return frozenset([str(ipaddress.ip_address(host))])
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(address[4][0]).partition("%")[0] for address in found)


def _is_local(address: str) -> bool:
    """Whether a socket of this machine may have the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
