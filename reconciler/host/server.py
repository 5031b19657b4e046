"""Serve an application over HTTP until a signal ends it. Requests under way are finished first."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EMFILE, ENFILE, ENOBUFS, ENOMEM
from pathlib import Path
from typing import Any, Final, Protocol

import uvicorn
from starlette.types import ASGIApp

from reconciler.errors import ExitCode, InputError, StorageError
from reconciler.host.connections import ConnectionLimits, Connections, affordable, guarded
from reconciler.host.web.addresses import networks
from reconciler.host.web.dated import Dated
from reconciler.host.web.front import tell_bug

GRACE_SECONDS: Final = 30
"""For requests that are under way when the host is told to stop."""
_BACKLOG: Final = 128
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. Port 0 is any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


class Reported:
    """What an event loop could not do for anyone. That there are no descriptors left is said once a minute."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._said_at = -_MINUTE

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (EMFILE, ENFILE, ENOBUFS, ENOMEM):
            if self._clock() - self._said_at >= _MINUTE:
                self._said_at = self._clock()
                self._tell(f"new connections have to wait: {error.strerror}; raise the limit of open files (ulimit -n)")
        elif isinstance(error, Exception) and not isinstance(error, OSError):  # else a connection that broke
            tell_bug(self._tell, "none", error)


class Server(uvicorn.Server):
    """A server that ends once ``should_exit`` is set, or a signal is handed to it."""

    def __init__(self, config: uvicorn.Config, *, encrypts: bool) -> None:
        super().__init__(config)
        self.encrypts = encrypts
        self.stopped_by: list[int] = []

    def stop(self, number: int) -> None:
        """The signal ``number`` came."""
        self.should_exit = True
        self.stopped_by.append(number)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _to_listen(error: OSError) -> str:
    """What to do where the system does not let us listen."""
    if isinstance(error, socket.gaierror) or error.errno == EADDRNOTAVAIL:
        return "name an address of this machine with --host"
    if error.errno == EACCES:
        return "choose a --port above 1023, or run it as a user who may use this one"
    return "stop it, or choose another --port; to serve beside a gateway, name it with --upstream"


def listen(address: Address) -> socket.socket:
    """A socket that listens there. ``StorageError`` where that cannot be had: the system refused it."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # With its protocol named: event loops send small answers at once only where they read TCP there.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        place = f"{address.host} port {address.port}"
        is_taken = error.errno == EADDRINUSE
        message = f"another server listens at {place}" if is_taken else f"{place}: {error.strerror or error}"
        raise StorageError(message, advice=_to_listen(error)) from error
    return listener


class Beside(Protocol):
    """Work that goes on beside the server, in a thread of its own."""

    def run(self) -> None:
        """Do it until asked to stop."""

    def stop(self) -> None:
        """Ask it to stop."""


class Hosted(Protocol):
    """What stands behind an application."""

    @property
    def tell(self) -> Callable[[str], None]:
        """Takes lines for people."""

    @property
    def ending(self) -> asyncio.Event:
        """Set when the server is told to end: answers that would never end by themselves do so."""

    async def close(self) -> None:
        """End it, once no request is under way any more."""

    def abandon(self) -> None:
        """End what would outlive this process, which is about to end."""


def serve(
    app: ASGIApp,
    hosted: Hosted,
    listener: socket.socket,
    *,
    trusted_proxies: Sequence[str] = (),
    beside: Beside | None = None,
    tls: Tls | None = None,
) -> bool:
    """Serve until a signal comes; whether that was Ctrl-C. A second one ends the process at once.

    Where ``beside`` ends by itself so does the server, and what it raised is raised.
    """
    server = make_server(app, ConnectionLimits(trusted=networks(trusted_proxies)), tls)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        return runner.run(_until_a_signal(server, hosted, listener, beside))


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """The URL at which a socket listens."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def make_server(app: ASGIApp, limits: ConnectionLimits | None = None, tls: Tls | None = None) -> Server:
    """A server of ``app``, with the settings that every host has. ``InputError`` where ``tls`` cannot be used."""
    limits = affordable(limits or ConnectionLimits())
    config = uvicorn.Config(
        Dated(app),
        log_config=None,
        log_level="critical",  # all else that the library says is of its callers; what we do wrong we say ourselves
        http=guarded(Connections(limits), _context(tls) if tls else None),
        loop="asyncio" if tls else "auto",  # uvloop keeps open what is closed while it greets
        ws="none",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=limits.backlog,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, encrypts=tls is not None)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        raise InputError(f"the certificate or its key cannot be used: {error}", advice="name two PEM files") from error
    return context


async def serve_with(server: Server, hosted: Hosted, listener: socket.socket) -> None:
    """Serve until ``server`` is told to end; then ``hosted`` is closed."""
    try:
        await server.serve(sockets=[listener])
    finally:
        await hosted.close()


async def _until_a_signal(server: Server, hosted: Hosted, listener: socket.socket, beside: Beside | None) -> bool:
    asyncio.get_running_loop().set_exception_handler(Reported(hosted.tell, time.monotonic))

    def stop(number: int, _frame: object) -> None:
        if server.stopped_by:  # a second one: what is under way may never end
            hosted.abandon()
            os._exit(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.OK)
        server.stop(number)
        hosted.ending.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    hosted.tell(f"serving at {url_of(listener, tls=server.encrypts)}")  # who reads it may ask it to stop, too
    async with _going_on(server, beside):
        await serve_with(server, hosted, listener)
    return signal.SIGINT in server.stopped_by


@asynccontextmanager
async def _going_on(server: Server, beside: Beside | None) -> AsyncIterator[None]:
    if beside is None:
        yield
        return
    with ThreadPoolExecutor(1) as thread:
        work = asyncio.get_running_loop().run_in_executor(thread, beside.run)
        work.add_done_callback(lambda _: setattr(server, "should_exit", True))
        try:
            yield
        finally:
            beside.stop()
            await work
