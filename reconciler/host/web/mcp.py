"""The route ``/mcp``: a request that was let in goes on to the SDK, which answers by itself, in a stream too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.errors import InputError, MissingProgramError
from reconciler.host.mcp.running import LEFT
from reconciler.host.mcp.server import McpServer
from reconciler.host.mcp.tools import ToolOptions, Tools
from reconciler.host.runtime import Runtime
from reconciler.host.web.access import Access
from reconciler.host.web.addresses import counted_as
from reconciler.host.web.front import tell_bug
from reconciler.host.web.request import Call
from reconciler.host.web.response import Problem, answer, bad_request
from reconciler.model.config import JsonObject

MCP_METHODS: Final = ("GET", "POST", "DELETE")


class McpRoute:
    """Answers on ``/mcp`` for a runtime, and ends with it."""

    def __init__(self, runtime: Runtime, access: Access) -> None:
        settings = runtime.settings
        options = ToolOptions(patterns=settings.mcp_tools, wait=settings.mcp_wait, strict=settings.strict)
        tools = Tools(runtime, options, partial(tell_bug, runtime.tell))
        self._runtime = runtime
        self._access = access
        self._server = McpServer(tools, body=settings.body)
        runtime.closing.append(self._server.close)
        runtime.refreshed.append(self._server.changed)

    async def answer(self, call: Call) -> Response:
        """What answers this request. ``Problem`` where the body breaks a limit, or the SDK is not installed."""
        try:
            if call.request.method == "POST":
                await call.body.value()  # the limits of every body; the SDK decodes it by itself
            await self._server.ready()
        except InputError as error:
            raise bad_request(f"Invalid request body: {error.message}") from error
        except MissingProgramError as error:
            raise Problem(501, "not_implemented", f"{error.message}; {error.advice}") from error
        caller = counted_as(self._access.address_of(call.request))
        handle = partial(self._server.handle, caller=caller)
        return _Delegated(handle, self._server.end_streams, call.body.data, self._runtime.ending)

    async def servers(self, _call: Call) -> Response:
        """How the tool servers are that steps can call."""
        found = [one.to_document() for one in self._runtime.tools.health()]
        document: JsonObject = {"count": len(found), "servers": [*found]}
        return answer(document)


class _Delegated(Response):
    """An answer that the SDK writes."""

    def __init__(self, handle: ASGIApp, end_streams: Callable[[], None], body: bytes, ending: asyncio.Event) -> None:
        super().__init__()
        self._handle = handle
        self._end_streams = end_streams
        self._body = body
        self._host_ends = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = scope[LEFT] = asyncio.Event()
        own = self.headers.get("x-request-id", "")
        messages = [{"type": "http.request", "body": self._body, "more_body": False}]

        async def receiving() -> Message:
            if messages:
                return messages.pop()
            message = await receive()
            if message["type"] == "http.disconnect":
                left.set()
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = own
            await send(message)

        try:
            await self._until_the_end(scope, receiving, sending)
        except BaseExceptionGroup as group:
            raise _first(group) from group

    async def _until_the_end(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A stream that only tells of news ends with the host; a call is answered first."""
        handling = asyncio.ensure_future(self._handle(scope, receive, send))
        ending = asyncio.ensure_future(self._host_ends.wait())
        try:
            await asyncio.wait([handling, ending], return_when=asyncio.FIRST_COMPLETED)
            if not handling.done():
                self._end_streams()
                if scope["method"] == "GET":
                    handling.cancel()
                await asyncio.wait([handling])
            if not handling.cancelled():
                handling.result()
        finally:
            for task in (handling, ending):
                task.cancel()
            await asyncio.wait([handling, ending])


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
