"""A web server on loopback that behaves as it is told, path by path, well or badly.

    with HttpServer({"/x.zip": b"bytes", "/old.zip": redirect("/x.zip"), "/gone.zip": 410}) as server:
        fetch(server.url("/x.zip"))
        assert server.count("/x.zip") == 1

A behaviour is a function of one ``Exchange``, and writes what it likes onto the connection: nothing is too rude. Routes
may be changed while the server runs; what is no route is looked for in ``folder``.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from http import HTTPStatus
from itertools import chain, count, repeat
from pathlib import Path
from typing import Self
from urllib.parse import unquote

Behaviour = Callable[["Exchange"], None]
Route = Behaviour | bytes | int
"""A behaviour; or bytes, to be served as they are; or the status of an empty answer."""

_PATIENCE_SECONDS = 60.0
"""For a client that neither sends nor closes: a test that fails, but does not hang."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked. ``path`` has the query; names of ``headers`` are in lower case; ``body`` is what of it came
    along with them.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and the connection to answer it on. ``stopped`` is set when the server ends."""

    request: Request
    connection: socket.socket
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def send_forever(self, data: bytes, *, pause: float = 0) -> None:
        """``data`` again and again, ``pause`` seconds apart, until the client closes."""
        while not self.stopped.wait(pause) if pause else not self.stopped.is_set():
            self.send(data)

    def wait_for_close(self) -> None:
        """Send nothing more until the client closes."""
        with suppress(OSError):
            while self.connection.recv(2**16):
                pass


def head(status: int = 200, /, **headers: object) -> bytes:
    """Status line and headers; ``Content_Length=5`` is written ``Content-Length: 5``."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def body(data: bytes, *, status: int = 200, **headers: object) -> Behaviour:
    """A complete answer. ``headers`` come on top of a right length, or replace it."""
    return raw(head(status, **{"Content_Length": len(data), "Connection": "close", **headers}) + data)


def raw(data: bytes) -> Behaviour:
    """These bytes, then the end."""
    return lambda exchange: exchange.send(data)


def redirect(to: str, *, status: int = 302) -> Behaviour:
    """Elsewhere. ``to`` may be anything."""
    return body(b"", status=status, Location=to)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> Behaviour:
    """A body in chunks; without ``end`` it is cut off."""
    data = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return raw(head(Transfer_Encoding="chunked") + data + end)


def endless(start: bytes, again: bytes) -> Behaviour:
    """``start``, then ``again`` as fast as the client reads."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.send_forever(again)

    return behave


def drip(start: bytes, again: bytes = b"x") -> Behaviour:
    """``start``, then ``again`` at a pace that no socket's own time-out notices, for ever."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.send_forever(again, pause=0.02)

    return behave


def hang(start: bytes = b"") -> Behaviour:
    """``start``, then silence."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.wait_for_close()

    return behave


def reset(start: bytes = b"") -> Behaviour:
    """``start``, then a connection that is reset instead of closed."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def in_turn(*routes: Route) -> Behaviour:
    """Another one at each request; the last one for all that follow."""
    turns: Iterator[Route] = chain(routes, repeat(routes[-1]))
    return lambda exchange: behaviour_of(next(turns))(exchange)


def behaviour_of(route: Route) -> Behaviour:
    """What a route stands for."""
    if isinstance(route, bytes):
        return body(route)
    return body(b"", status=route) if isinstance(route, int) else route


@dataclass
class HttpServer:
    """Serves until the end of its ``with`` block. ``tls`` makes it an https server; ``requests`` are in order."""

    routes: dict[str, Route] = field(default_factory=dict)
    folder: Path | None = None
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    name: str | None = None
    """What urls call it; the host without one."""
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for sock in (self._listener, *list(self._open)):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def origin(self) -> str:
        host = self.name or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return self.origin + path

    def count(self, path: str) -> int:
        """How often ``path`` was asked for, with whatever query."""
        return sum(request.path.partition("?")[0] == path for request in self.requests)

    def _accept(self) -> None:
        for number in count(1):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), name=f"request {number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw_connection: socket.socket) -> None:
        raw_connection.settimeout(_PATIENCE_SECONDS)
        connection = raw_connection
        with suppress(OSError):  # a client may go whenever it likes
            try:
                if self.tls is not None:
                    connection = self.tls.wrap_socket(raw_connection, server_side=True)
                    self._open.add(connection)
                self._answer(connection)
            finally:
                raw_connection.close()
                connection.close()
        self._open.discard(raw_connection)
        self._open.discard(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += (data := connection.recv(2**16))
            if not data:
                return
        start, _, begun = received.partition(b"\r\n\r\n")
        line, _, headers = start.partition(b"\r\n")
        method, path, _ = line.decode("latin-1").split(" ", 2)
        fields = BytesParser().parsebytes(headers)
        request = Request(method, path, {name.lower(): value for name, value in fields.items()}, begun)
        self.requests.append(request)
        self._behaviour(path)(Exchange(request, connection, self._stopped))

    def _behaviour(self, path: str) -> Behaviour:
        place = path.partition("?")[0]
        for key in (path, place):
            if key in self.routes:
                return behaviour_of(self.routes[key])
        file = self.folder / unquote(place).lstrip("/") if self.folder else None
        return body(file.read_bytes()) if file and file.is_file() else behaviour_of(404)
