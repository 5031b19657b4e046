"""What every request passes first: its target in one form, the site that it comes from, and what goes wrong late."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.host.web.access import Sites
from reconciler.host.web.addresses import in_origin_form
from reconciler.host.web.response import Problem

REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
"""An id that a caller may choose: it is written into headers and logs as it is."""


class Front:
    """The outermost layer of the application. It never raises: the server would log what a stranger wrote."""

    def __init__(self, app: ASGIApp, sites: Sites, tell: Callable[[str], None]) -> None:
        self._app = app
        self._sites = sites
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        has_begun = False
        scope["request_id"] = request_id_of(scope)

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            try:
                await send(message)
            except Exception as error:
                raise _GoneError from error

        try:
            await self._passed(_in_origin_form(scope), receive, sending)
        except _GoneError:
            return  # the connection was closed, or its request was not finished and never will be
        except Exception as error:
            request_id = request_id_of(scope)
            tell_bug(self._tell, request_id, error)
            if not has_begun:
                problem = Problem(500, "internal_error", "Internal error")
                await problem.response(request_id)(scope, receive, sending)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._sites.check(Request(scope))
        except Problem as problem:
            await problem.response(scope["request_id"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _GoneError(Exception):
    """Nobody can be sent anything any more."""


def request_id_of(scope: Scope) -> str:
    """The id of a request: the caller's own, where it can be written anywhere; else a new one."""
    if "request_id" in scope:
        return str(scope["request_id"])
    given = Request(scope).headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def tell_bug(tell: Callable[[str], None], request_id: str, error: Exception) -> None:
    """Where it happened; the message of an exception may hold what a caller sent."""
    trace = "".join(traceback.format_tb(error.__traceback__))
    tell(f"request {request_id} met a bug ({type(error).__name__}):\n{trace}")


def _in_origin_form(scope: Scope) -> Scope:
    raw_path, headers = in_origin_form(scope.get("raw_path") or b"", scope["headers"])
    if raw_path == scope.get("raw_path"):
        return scope
    return {**scope, "raw_path": raw_path, "path": unquote(raw_path.decode("ascii", "replace")), "headers": headers}
