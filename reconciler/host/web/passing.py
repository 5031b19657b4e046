"""What is not the host's own: let in as everything is, and passed on to the upstream."""

from __future__ import annotations

import posixpath
import uuid
from typing import Final
from urllib.parse import unquote_to_bytes

import h11
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.host.errors import UpstreamError
from reconciler.host.runtime import Runtime
from reconciler.host.upstream.headers import KeyPolicy, asked_headers
from reconciler.host.upstream.pool import Pool
from reconciler.host.upstream.relay import End, Relay
from reconciler.host.web.access import Access
from reconciler.host.web.front import request_id_of
from reconciler.host.web.plain import marked
from reconciler.host.web.response import Problem, bad_request, problem_of
from reconciler.host.web.tapping import tap_of
from reconciler.host.web.traffic import passage_of

_WEBSOCKET: Final = b"websocket"
_CLOSE: Final = {"Connection": "close"}


class Passer:
    """Answers every request with what the upstream says."""

    def __init__(self, runtime: Runtime, pool: Pool, access: Access) -> None:
        self._runtime = runtime
        self._relay = Relay(pool)
        self._access = access
        upstream = pool.upstream
        self._authority, self._base, self._seconds = upstream.authority, upstream.base, upstream.seconds
        own, shown = runtime.settings.api_key, upstream.api_key
        self._keys = KeyPolicy(own=own.encode() if own else None, shown=shown.encode() if shown else None)
        self._via = f"1.1 llamagate-{uuid.uuid4().hex[:12]}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, request_id, passage = Request(scope), request_id_of(scope), passage_of(scope)
        try:
            self._access.check(request, needs_key=True, counts=True)
            asked = self._asked(scope, request_id)
            passage.to_upstream = True
            tap = tap_of(
                self._runtime, self._access, request, _plain_path(scope["path"].removeprefix(_mounted_at(scope)))
            )
            passage.end = await self._relay.exchange(asked, request_id.encode(), receive, send, tap)
        except Problem as problem:
            await marked(problem.response(request_id), request_id)(scope, receive, send)
        except TimeoutError:
            message = f"No body came within {self._seconds:g} seconds"
            late = Problem(408, "invalid_request_error", message, _CLOSE)
            await marked(late.response(request_id), request_id)(scope, receive, send)
        except h11.LocalProtocolError:  # a server gives no body of a request that asks for another protocol
            message = "The body of this request is not as long as its head says"
            unequal = Problem(400, "invalid_request_error", message, _CLOSE)
            await marked(unequal.response(request_id), request_id)(scope, receive, send)
        except UpstreamError as error:
            passage.end = End.CUT
            await marked(problem_of(error).response(request_id), request_id)(scope, receive, send)

    def _asked(self, scope: Scope, request_id: str) -> h11.Request:
        """The head of the request for the upstream. ``Problem`` where it cannot be passed on."""
        headers = scope["headers"]
        for name, value in headers:
            if name == b"upgrade" and value.strip().lower() == _WEBSOCKET:
                raise Problem(501, "not_implemented", "WebSockets are not passed on; ask the upstream itself")
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                raise Problem(501, "not_implemented", "Of transfer encodings only 'chunked' is passed on", _CLOSE)
            if name == b"via" and self._via in value:
                raise Problem(508, "server_error", "The upstream passes its requests back to this host: a loop")
        target = self._target(scope)
        passed = asked_headers(headers, self._keys, self._authority, self._via, request_id.encode())
        if scope["method"] == "TRACE":  # its answer repeats the request, and the upstream's key with it
            passed = [one for one in passed if one[0] != b"authorization"]
        try:
            return h11.Request(method=scope["method"].encode(), target=target, headers=passed)
        except h11.LocalProtocolError as error:
            raise bad_request(f"This request cannot be passed on: {error}") from error

    def _target(self, scope: Scope) -> bytes:
        """The path and the query, byte for byte."""
        path = bytes(scope.get("raw_path") or scope["path"].encode()).removeprefix(_mounted_at(scope).encode())
        if path == b"*":
            return path
        if not path.startswith(b"/"):
            raise bad_request("The target of a request begins with a slash; CONNECT is not supported")
        if self._base and _climbs(path):
            raise bad_request("With '..' in its path a request could leave the address of the upstream")
        query = scope["query_string"]
        return self._base + path + (b"?" + query if query else b"")


def _climbs(path: bytes) -> bool:
    """Whether a part of a path is ``..`` for any server, in whatever spelling."""
    parts = unquote_to_bytes(path).replace(b"\\", b"/").split(b"/")
    return any(part.partition(b";")[0].strip() == b".." for part in parts)


def _plain_path(path: str) -> str:
    """A path as a server may read it, too: hooks see a request however its path is spelled."""
    return posixpath.normpath("/" + path.lstrip("/")) if "//" in path or "/." in path or path.endswith("/") else path


class Beyond:
    """Between what every request passes and the host's own routes: what begins like none of these goes on at once."""

    def __init__(self, app: ASGIApp, passer: Passer, own: tuple[str, ...]) -> None:
        self._app = app
        self._passer = passer
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_own = scope["path"].removeprefix(_mounted_at(scope)).startswith(self._own)
        await (self._app if is_own else self._passer)(scope, receive, send)


def _mounted_at(scope: Scope) -> str:
    """What comes before the paths of the host, where another application holds it."""
    return str(scope.get("root_path", ""))
