"""Serve a runtime over HTTP until a signal ends it. Requests under way are finished first."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import uvicorn
from starlette.types import ASGIApp

from reconciler.errors import StorageError
from reconciler.host.runtime import Runtime
from reconciler.host.web.app import make_app

GRACE_SECONDS: Final = 30
"""For requests that are under way when the host is told to stop; a second signal does not wait."""
_BACKLOG: Final = 2048


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


class Server(uvicorn.Server):
    """A server that ends once ``should_exit`` is set, or ``stop`` is called; it takes no signals itself."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopped_by: list[int] = []

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self, number: int) -> None:
        """The signal ``number`` came; a second one does not wait for requests under way."""
        self.force_exit = bool(self.stopped_by)
        self.should_exit = True
        self.stopped_by.append(number)


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
        message = f"{address.host} port {address.port}: {error.strerror or error}"
        raise StorageError(message, advice="stop what listens there, or choose another --port") from error
    return listener


class Beside(Protocol):
    """Work that goes on beside the server, in a thread of its own."""

    def run(self) -> None:
        """Do it until asked to stop."""

    def stop(self) -> None:
        """Ask it to stop."""


def serve(runtime: Runtime, listener: socket.socket, *, local_only: bool, beside: Beside | None = None) -> bool:
    """Serve until a signal comes; whether that was Ctrl-C. A second one does not wait for requests under way.

    Where ``beside`` ends by itself so does the server, and what it raised is raised.
    """
    server = make_server(make_app(runtime, local_only=local_only))
    return asyncio.run(_until_a_signal(server, runtime, listener, beside))


def url_of(listener: socket.socket) -> str:
    """The URL at which a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: ASGIApp) -> Server:
    """A server of ``app``, with the settings that every host has."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",  # else each request that is not understood is a line that its sender wrote
        ws="none",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config)


async def serve_with(server: Server, runtime: Runtime, listener: socket.socket) -> None:
    """Serve until ``server`` is told to end; then ``runtime`` is closed."""
    try:
        await server.serve(sockets=[listener])
    finally:
        await runtime.close()


async def _until_a_signal(server: Server, runtime: Runtime, listener: socket.socket, beside: Beside | None) -> bool:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.stop, number)
    runtime.tell(f"serving at {url_of(listener)}")  # who reads it may ask it to stop, too
    async with _going_on(server, beside):
        await serve_with(server, runtime, listener)
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
