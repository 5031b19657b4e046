"""Tells a running gateway to look at its extensions again.

``http.client`` knows no proxies, no netrc and follows no redirects, so the key reaches the gateway and nobody else.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

DEFAULT_URL: Final = "http://127.0.0.1:11435"
MAX_ANSWER_BYTES: Final = 2**20
DEADLINE_SECONDS: Final = 10.0
_CHUNK_BYTES: Final = 2**16
_HEADER_TEXT: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How a refresh call went. ``message`` is for people: what happened and, where it failed, what to do.

    ``again`` is false where telling it again is of no use: nobody listens, or it has no extensions to reload.
    """

    reloaded: bool
    message: str
    again: bool = True


def refresh(url: str, api_key: str | None, *, key_name: str = "") -> Reload:
    """Ask for one refresh, with one deadline for the whole exchange. Never raises for what a gateway may do.

    ``key_name`` is how messages call the key: the variable that holds it.
    """
    if api_key and not _HEADER_TEXT.fullmatch(api_key):
        # Checked here: the message of http.client would show the key.
        return _missed(url, f"the key in {key_name} holds a line break or a character that no HTTP header may have")
    try:
        status, body = _request("POST", f"{url.rstrip('/')}/v1/extensions/refresh", api_key)
    except ConnectionRefusedError:
        return _missed(url, "nobody listens there; it reads the change when it starts", again=False)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _missed(url, _reason(error))
    return _judged(url, status, body, key_name if api_key else "")


def reachable(url: str) -> bool:
    """Whether a gateway answers its health call."""
    try:
        return _request("GET", f"{url.rstrip('/')}/health", None, deadline=2.0)[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException, ValueError):
        return False


def _missed(url: str, reason: str, *, again: bool = True) -> Reload:
    advice = "; the next apply tells it again" if again else ""
    return Reload(reloaded=False, message=f"the gateway at {url} was not reloaded: {reason}{advice}", again=again)


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, http.client.BadStatusLine | http.client.LineTooLong):
        return "what answers there does not speak HTTP"
    if isinstance(error, http.client.HTTPException):
        return "its answer was cut off"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _judged(url: str, status: int, body: bytes, key_name: str) -> Reload:
    if status == http.HTTPStatus.OK:
        return Reload(reloaded=True, message=f"the gateway at {url} was reloaded")
    if status == http.HTTPStatus.PARTIAL_CONTENT:
        return Reload(reloaded=True, message=f"the gateway at {url} was reloaded in part: {_errors(body)}")
    wants = f"it does not accept the key in {key_name}" if key_name else "it wants a key"
    reasons = {
        401: f"{wants}; set the variable that gateway.api_key_env names",
        404: "this gateway has no extension support",
        429: "it is being asked too often",
    }
    if http.HTTPStatus.MULTIPLE_CHOICES <= status < http.HTTPStatus.BAD_REQUEST:
        reason = f"it answered {status} with a redirect, which is not followed; put the final address into gateway.url"
    else:
        reason = reasons.get(status, f"it answered {status}")
    return _missed(url, reason, again=status != http.HTTPStatus.NOT_FOUND)


def _errors(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(str(error) for error in errors)[:2000]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it did not say what failed"


def _request(method: str, url: str, api_key: str | None, *, deadline: float | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        raise ValueError("gateway.url must be an http or https address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    seconds = DEADLINE_SECONDS if deadline is None else deadline
    connection = kind(parts.hostname, parts.port, timeout=seconds)
    headers = {"Connection": "close", **({"X-API-Key": api_key} if api_key else {})}
    with closing(connection), _ended_after(seconds, connection):
        connection.request(method, parts.path, headers=headers)
        with closing(connection.getresponse()) as answer:
            return answer.status, _body(answer)


@contextmanager
def _ended_after(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Connect, and cut the connection after ``seconds``: a socket's own timeout starts anew with each byte."""
    ended = threading.Event()
    start = time.monotonic()
    connection.connect()
    sock: socket.socket = connection.sock

    def end() -> None:
        ended.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(start + seconds - time.monotonic(), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise TimeoutError("the answer did not end in time") if ended.is_set() else error from error
    finally:
        timer.cancel()
    if ended.is_set():
        raise TimeoutError("the answer did not end in time")


def _body(answer: http.client.HTTPResponse) -> bytes:
    """At most ``MAX_ANSWER_BYTES``: an endless answer is cut."""
    body = b""
    while len(body) < MAX_ANSWER_BYTES:
        chunk = answer.read1(_CHUNK_BYTES)
        if not chunk:
            break
        body += chunk
    return body
