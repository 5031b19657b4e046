"""One HTTP exchange. ``http.client`` knows no proxies, no netrc and follows no redirects.

It and sockets are loaded by the first call: they take time, and most commands call no gateway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    import socket
    from http.client import HTTPConnection, HTTPException, HTTPResponse

MAX_ANSWER_BYTES: Final = 2**20
_CHUNK_BYTES: Final = 2**16


class GatewayResponse(Struct, frozen=True, kw_only=True):
    """``retry_after`` is the header of that name as it came; empty where there is none."""

    status: int
    body: bytes
    retry_after: str = ""


def exchange(method: str, url: str, api_key: str | None, *, seconds: float) -> GatewayResponse:
    """The answer, at most ``MAX_ANSWER_BYTES`` of its body, all within ``seconds``.

    Raises ``OSError``, also for what is no HTTP, and ``ValueError`` for an address that cannot be called.
    """
    from http.client import HTTPException

    try:
        return _exchange(method, url, api_key, seconds)
    except HTTPException as error:
        raise ConnectionError(_reason(error)) from error


def _reason(error: HTTPException) -> str:
    from http.client import BadStatusLine, LineTooLong, RemoteDisconnected

    if isinstance(error, RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, BadStatusLine | LineTooLong):
        return "the answer is not HTTP"
    return "its answer was cut off"


def _exchange(method: str, url: str, api_key: str | None, seconds: float) -> GatewayResponse:
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        raise ValueError("gateway.url must be an http or https address")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=seconds)
    headers = {"Connection": "close", **({"X-API-Key": api_key} if api_key else {})}
    with closing(connection), _ended_after(seconds, connection):
        connection.request(method, parts.path, headers=headers)
        with closing(connection.getresponse()) as answer:
            return GatewayResponse(
                status=answer.status, body=_body(answer), retry_after=answer.getheader("Retry-After") or ""
            )


@contextmanager
def _ended_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """Connect, and cut the connection after ``seconds``: a socket's own timeout starts again with each byte."""
    from socket import SHUT_RDWR

    ended = threading.Event()
    start = time.monotonic()
    connection.connect()
    sock: socket.socket = connection.sock

    def end() -> None:
        ended.set()
        with suppress(OSError):
            sock.shutdown(SHUT_RDWR)

    timer = threading.Timer(start + seconds - time.monotonic(), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        raise TimeoutError("the answer did not end in time") if ended.is_set() else error from error
    finally:
        timer.cancel()
    if ended.is_set():
        raise TimeoutError("the answer did not end in time")


def _body(answer: HTTPResponse) -> bytes:
    """At most ``MAX_ANSWER_BYTES``: an endless answer is cut."""
    body = b""
    while len(body) < MAX_ANSWER_BYTES:
        chunk = answer.read1(_CHUNK_BYTES)
        if not chunk:
            break
        body += chunk
    return body
