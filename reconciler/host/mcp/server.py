"""``/mcp``: what is served, for chat clients. The SDK speaks the protocol; sessions, and how they end, are here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.types import Message, Receive, Scope, Send

from reconciler import __version__
from reconciler.host.mcp.sdk import load_sdk
from reconciler.host.mcp.sessions import Sessions
from reconciler.host.mcp.tools import Tools

if TYPE_CHECKING:
    import mcp_types
    from mcp.server.context import ServerRequestContext
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

MOST_SESSIONS: Final = 1_000
"""Of the older protocol. One more makes room for itself: see ``Sessions``."""
MOST_LISTENERS: Final = 1_000
IDLE_SECONDS: Final = 900.0
_SESSION: Final = b"mcp-session-id"
_NOTICE_SECONDS: Final = 1.0


class McpServer:
    """One for each host; it belongs to the event loop that first uses it. ``body`` bounds a request in bytes."""

    def __init__(self, tools: Tools, *, body: int) -> None:
        self._tools = tools
        self._body = body
        self._sessions = Sessions(MOST_SESSIONS, IDLE_SECONDS, time.monotonic)
        self._ready: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._manager: StreamableHTTPSessionManager
        self._bus: InMemorySubscriptionBus
        self._listeners: ListenHandler

    async def ready(self) -> None:
        """Begin, if that was not done. ``MissingProgramError`` where the SDK is not installed."""
        if self._ready is None or (self._ready.done() and self._ready.exception() is not None):
            self._ready = asyncio.create_task(self._begin())
        await asyncio.shield(self._ready)

    async def handle(self, scope: Scope, receive: Receive, send: Send, caller: str) -> None:
        """Answer one request of ``caller`` that was let in."""
        asked = _value(scope["headers"])
        if asked is not None:
            await self._of_session(asked, scope, receive, send)
            return
        surplus: list[str] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < HTTPStatus.BAD_REQUEST:
                opened = _value(message["headers"])
                if opened is not None and (one := self._sessions.opened(opened, caller)):
                    surplus.append(one)
            await send(message)

        try:
            await self._manager.handle_request(scope, receive, sending)
        finally:
            for one in surplus:
                await self._end(one)

    async def _of_session(self, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that names a session, which ends only where the SDK says so."""
        method = scope["method"]

        async def sending(message: Message) -> None:
            if method == "DELETE" and message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
                self._sessions.ended(session_id)
            await send(message)

        with self._sessions.using(session_id, is_stream=method == "GET"):
            await self._manager.handle_request(scope, receive, sending)

    async def _end(self, session_id: str) -> None:
        """End a session, as its client would."""
        headers = [(_SESSION, session_id.encode())]
        scope = {"type": "http", "method": "DELETE", "path": "/mcp", "query_string": b"", "headers": headers}
        await self._manager.handle_request(scope, _nothing, _unseen)

    def changed(self) -> None:
        """What is served may have changed; from any thread but that of the event loop."""
        if self._loop is None or self._loop.is_closed():
            return
        if self._tools.look():
            self._loop.call_soon_threadsafe(self._tell_changed)

    def end_streams(self) -> None:
        """The host is about to end: streams that would never end by themselves do so."""
        if self._life is not None:
            self._listeners.close()

    async def close(self) -> None:
        """End what still runs, and all sessions."""
        await self._tools.close()
        self._ending.set()
        if self._life is not None:
            await asyncio.wait([self._life])

    async def _begin(self) -> None:
        await load_sdk()
        from mcp.server.lowlevel.server import NotificationOptions, Server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

        class Announcing(Server[Any]):
            """Says to clients of every age that the list of tools may change."""

            def create_initialization_options(self, *_: Any, **__: Any) -> Any:
                return super().create_initialization_options(NotificationOptions(tools_changed=True))

        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._tools.look)
        self._bus = InMemorySubscriptionBus()
        self._listeners = ListenHandler(self._bus, max_subscriptions=MOST_LISTENERS)
        server = Announcing(
            "llamagate",
            version=__version__,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=self._listeners,
            get_tool_input_schema=self._tools.schema,
        )
        server.middleware.clear()  # it would load telemetry for each request
        self._manager = StreamableHTTPSessionManager(
            server,
            session_idle_timeout=IDLE_SECONDS,
            max_sessions=2 * MOST_SESSIONS,  # for those that are about to make room
            max_request_body_size=self._body,
        )
        begun = asyncio.Event()
        self._life = asyncio.create_task(self._live(begun))
        await begun.wait()

    async def _live(self, begun: asyncio.Event) -> None:
        """In one task from its start to its end, as the SDK's scopes want it."""
        async with self._manager.run():
            begun.set()
            await self._ending.wait()

    async def _list(
        self, ctx: ServerRequestContext[Any, Any], params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        self._remember(ctx)
        return self._tools.listed(params)

    async def _call(
        self, ctx: ServerRequestContext[Any, Any], params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult:
        self._remember(ctx)
        return await self._tools.called(ctx, params)

    def _remember(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """A session of an older client is told when the list of tools changes; a newer one listens by itself."""
        session_id = ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
        held = self._sessions.find(session_id) if session_id is not None else None
        if held is not None:
            held.news = ctx.session

    def _tell_changed(self) -> None:
        telling = asyncio.get_running_loop().create_task(self._announce())
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _announce(self) -> None:
        from mcp.server.subscriptions import ToolsListChanged

        await self._bus.publish(ToolsListChanged())
        for held in self._sessions:
            if held.news is None:
                continue
            try:
                async with asyncio.timeout(_NOTICE_SECONDS):
                    await held.news.send_tool_list_changed()
            except Exception:  # it is gone, or does not listen
                held.news = None


def _value(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The session that a request, or an answer, names."""
    return next((value.decode("latin-1") for name, value in headers if name.lower() == _SESSION), None)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _unseen(_message: Message) -> None:
    """Nobody waits for this answer."""
