"""Tells a running gateway to look at its extensions again.

``http.client`` knows no proxies, no netrc and follows no redirects, so the key reaches the gateway and nobody else.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

DEFAULT_URL: Final = "http://127.0.0.1:11435"
MAX_ANSWER_BYTES: Final = 2**20
DEADLINE_SECONDS: Final = 10.0
_CHUNK_BYTES: Final = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """How a refresh call went. ``message`` is for people: what happened and, where it failed, what to do."""

    reloaded: bool
    message: str


def refresh(url: str, api_key: str | None) -> Reload:
    """Ask for one refresh, with one deadline for the whole exchange. Never raises for what a gateway may do."""
    try:
        status, body = _request("POST", f"{url.rstrip('/')}/v1/extensions/refresh", api_key)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        return Reload(
            reloaded=False,
            message=f"the gateway at {url} was not reloaded: {reason}; it reads the change when it starts",
        )
    return _judged(url, status, body)


def reachable(url: str) -> bool:
    """Whether a gateway answers its health call."""
    try:
        return _request("GET", f"{url.rstrip('/')}/health", None, deadline=2.0)[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException, ValueError):
        return False


def _judged(url: str, status: int, body: bytes) -> Reload:
    if status == http.HTTPStatus.OK:
        return Reload(reloaded=True, message=f"the gateway at {url} was reloaded")
    if status == http.HTTPStatus.PARTIAL_CONTENT:
        return Reload(reloaded=True, message=f"the gateway at {url} was reloaded in part: {_errors(body)}")
    reasons = {
        401: "it wants a key; set the variable that gateway.api_key_env names",
        404: "this gateway has no extension support",
        429: "it is being asked too often; run 'llamagate apply' again in a moment",
    }
    if http.HTTPStatus.MULTIPLE_CHOICES <= status < http.HTTPStatus.BAD_REQUEST:
        reason = f"it answered {status} with a redirect, which is not followed; put the final address into gateway.url"
    else:
        reason = reasons.get(status, f"it answered {status}")
    return Reload(reloaded=False, message=f"the gateway at {url} was not reloaded: {reason}")


def _errors(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        return "; ".join(str(error) for error in errors)[:2000]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it did not say what failed"


def _request(method: str, url: str, api_key: str | None, *, deadline: float = DEADLINE_SECONDS) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        raise ValueError("gateway.url must be an http or https address")
    ends = time.monotonic() + deadline
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=deadline)
    headers = {"Connection": "close", **({"X-API-Key": api_key} if api_key else {})}
    try:
        connection.request(method, parts.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, _body(answer, connection.sock, ends)
    finally:
        connection.close()


def _body(answer: http.client.HTTPResponse, connected: socket.socket | None, ends: float) -> bytes:
    """At most ``MAX_ANSWER_BYTES``, and only until the deadline: an endless or dripping answer is cut."""
    body = b""
    while len(body) < MAX_ANSWER_BYTES:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        if connected is not None:
            connected.settimeout(left)
        chunk = answer.read1(_CHUNK_BYTES)
        if not chunk:
            break
        body += chunk
    return body
