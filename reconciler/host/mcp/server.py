"""``/mcp``: what is served, as tools for chat clients. The SDK speaks the protocol; what a tool does is here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct
from starlette.types import Message, Receive, Scope, Send

from reconciler import __version__
from reconciler.errors import LlamagateError
from reconciler.host.engine.inputs import undeclared
from reconciler.host.engine.modules import ModuleRecord
from reconciler.host.engine.run import Witness
from reconciler.host.items import Extension, Module
from reconciler.host.mcp.answers import answer, failed, result_tool, tool_of, under_way
from reconciler.host.mcp.handles import Handles, Job
from reconciler.host.mcp.offered import RESULT_TOOL, Offer, offers
from reconciler.host.mcp.running import GoneError, News, ended_of, waited
from reconciler.host.mcp.sdk import load_sdk
from reconciler.host.mcp.sessions import Sessions
from reconciler.host.snapshot import Snapshot
from reconciler.model.config import JsonObject
from reconciler.model.digits import whole
from reconciler.model.ids import did_you_mean

if TYPE_CHECKING:
    import mcp_types
    from mcp.server.context import ServerRequestContext
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

PAGE: Final = 200
"""Tools in one part of the list."""
MOST_SESSIONS: Final = 1_000
"""Of the older protocol. One more makes room for itself: see ``Sessions``."""
MOST_LISTENERS: Final = 1_000
IDLE_SECONDS: Final = 900.0
_SESSION: Final = b"mcp-session-id"
_NOTICE_SECONDS: Final = 1.0


class Served(Protocol):
    """Who runs what is served: see ``Runtime``."""

    @property
    def snapshot(self) -> Snapshot:
        """What is served now."""

    async def run(
        self, snapshot: Snapshot, extension: Extension, given: JsonObject, trace_id: str, *, witness: Witness | None
    ) -> JsonObject:
        """Run an extension."""

    async def run_module(
        self, snapshot: Snapshot, module: Module, given: JsonObject, trace_id: str, *, witness: Witness | None
    ) -> ModuleRecord:
        """Run a module."""


class McpOptions(Struct, frozen=True, kw_only=True):
    """``patterns`` say which items are tools. A call waits ``wait`` seconds for its result, then it gets a handle.

    ``strict`` refuses inputs that nothing declares; ``body`` bounds a request in bytes.
    """

    patterns: Sequence[str]
    wait: float
    strict: bool
    body: int


class McpServer:
    """One for each host; it belongs to the event loop that first uses it. ``bug`` is told of what must not happen."""

    def __init__(self, served: Served, options: McpOptions, bug: Callable[[str, Exception], None]) -> None:
        self._served = served
        self._options = options
        self._bug = bug
        self._handles = Handles(time.monotonic)
        self._sessions = Sessions(MOST_SESSIONS, IDLE_SECONDS, time.monotonic)
        self._offers: tuple[Snapshot | None, dict[str, Offer]] = (None, {})
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
        before = [_compared(offer) for offer in self._offers[1].values()]
        if before != [_compared(offer) for offer in self._look().values()]:
            self._loop.call_soon_threadsafe(self._tell_changed)

    def end_streams(self) -> None:
        """The host is about to end: streams that would never end by themselves do so."""
        if self._life is not None:
            self._listeners.close()

    async def close(self) -> None:
        """End what still runs, and all sessions."""
        await self._handles.close()
        self._ending.set()
        if self._life is not None:
            await asyncio.wait([self._life])

    def _look(self) -> dict[str, Offer]:
        """The tools of now, by name."""
        snapshot = self._served.snapshot
        if snapshot is not self._offers[0]:
            found = offers(snapshot, self._options.patterns, strict=self._options.strict)
            self._offers = (snapshot, found)
        return self._offers[1]

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
        await asyncio.to_thread(self._look)
        self._bus = InMemorySubscriptionBus()
        self._listeners = ListenHandler(self._bus, max_subscriptions=MOST_LISTENERS)
        server = Announcing(
            "llamagate",
            version=__version__,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=self._listeners,
            get_tool_input_schema=lambda name: offer.schema if (offer := self._offers[1].get(name)) else None,
        )
        server.middleware.clear()  # it would load telemetry for each request
        self._manager = StreamableHTTPSessionManager(
            server,
            session_idle_timeout=IDLE_SECONDS,
            max_sessions=2 * MOST_SESSIONS,  # for those that are about to make room
            max_request_body_size=self._options.body,
        )
        begun = asyncio.Event()
        self._life = asyncio.create_task(self._live(begun))
        await begun.wait()

    async def _live(self, begun: asyncio.Event) -> None:
        """In one task from its start to its end, as the SDK's scopes want it."""
        async with self._manager.run():
            begun.set()
            await self._ending.wait()

    # Tools

    async def _list(
        self, ctx: ServerRequestContext[Any, Any], params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        import mcp_types
        from mcp.shared.exceptions import MCPError

        self._remember(ctx)
        first = whole(params.cursor or "0") if params is not None and params.cursor else 0
        if first is None:
            raise MCPError(mcp_types.INVALID_PARAMS, "There is no such page of the list of tools")
        offered = [*self._offers[1].values()]
        tools = [tool_of(offer) for offer in offered[first : first + PAGE]]
        if first + PAGE < len(offered):
            return mcp_types.ListToolsResult(tools=tools, next_cursor=str(first + PAGE))
        return mcp_types.ListToolsResult(tools=[*tools, result_tool()])

    async def _call(
        self, ctx: ServerRequestContext[Any, Any], params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult:
        self._remember(ctx)
        try:
            if params.name == RESULT_TOOL:
                return await self._later(ctx, params.arguments or {})
            return await self._first(ctx, params.name, params.arguments or {})
        except LlamagateError as error:
            return failed(error.message)
        except GoneError:
            return failed("The caller went away")
        except Exception as error:
            request_id = _request_id(ctx)
            self._bug(request_id, error)
            return failed(f"Internal error (request {request_id})")

    async def _first(
        self, ctx: ServerRequestContext[Any, Any], name: str, given: JsonObject
    ) -> mcp_types.CallToolResult:
        snapshot, offered = self._offers
        offer = offered.get(name)
        if offer is None or snapshot is None:
            return failed(f"There is no tool '{name[:80]}'{did_you_mean(name[:80], offered)}")
        if self._options.strict and isinstance(offer.item, Extension):
            problem = undeclared(offer.item, given)
            if problem:
                return failed(problem)
        news = News(offer.steps)
        running = ended_of(self._run(snapshot, offer.item, given, _request_id(ctx), news))
        job = Job(name=name, task=asyncio.create_task(running), began=time.monotonic())
        news.job = job
        try:
            if await waited(ctx, job, news, self._options.wait):
                return answer(job.task.result())
        except BaseException:  # the client cancelled it, or went away
            job.task.cancel()
            raise
        if not self._handles.takes_more():  # who has many of them keeps nobody from calls that are soon over
            job.task.cancel()
            return failed("It takes long, and too many runs are under way that nobody waits for; try again later")
        return under_way(job, self._handles.keep(job))

    async def _later(self, ctx: ServerRequestContext[Any, Any], given: JsonObject) -> mcp_types.CallToolResult:
        handle = given.get("handle")
        job = self._handles.find(handle) if isinstance(handle, str) else None
        if job is None or not isinstance(handle, str):
            return failed("There is no run with this handle, or its result was not fetched in time")
        if given.get("cancel") is True:
            job.task.cancel()
            await asyncio.wait([job.task])
        wait = given.get("wait")
        seconds = float(wait) if isinstance(wait, int | float) and not isinstance(wait, bool) else self._options.wait
        if not await waited(ctx, job, News(0), max(0.0, min(seconds, self._options.wait))):
            return under_way(job, handle)
        return failed("The run was cancelled") if job.task.cancelled() else answer(job.task.result())

    async def _run(
        self, snapshot: Snapshot, item: Extension | Module, given: JsonObject, trace_id: str, news: News
    ) -> JsonObject:
        if isinstance(item, Extension):
            return await self._served.run(snapshot, item, given, trace_id, witness=news)
        record = await self._served.run_module(snapshot, item, given, trace_id, witness=news)
        if record.error is not None:
            raise record.error
        return record.output

    # What changes

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


def _compared(offer: Offer) -> tuple[str, str, str, JsonObject]:
    return offer.name, offer.description, offer.version, offer.schema


def _value(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The session that a request, or an answer, names."""
    return next((value.decode("latin-1") for name, value in headers if name.lower() == _SESSION), None)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _unseen(_message: Message) -> None:
    """Nobody waits for this answer."""


def _request_id(ctx: ServerRequestContext[Any, Any]) -> str:
    found = ctx.request.scope.get("request_id") if ctx.request is not None else None
    return str(found or "none")
