"""What the tools of ``/mcp`` are and do: each is an item that is served, and one more fetches late results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from reconciler.errors import LlamagateError
from reconciler.host.engine.inputs import undeclared
from reconciler.host.engine.modules import ModuleRecord
from reconciler.host.engine.run import Witness
from reconciler.host.items import Extension, Module
from reconciler.host.mcp.answers import answer, failed, result_tool, tool_of, under_way
from reconciler.host.mcp.handles import Handles, Job
from reconciler.host.mcp.offered import RESULT_TOOL, Offer, offers
from reconciler.host.mcp.running import GoneError, News, ended_of, waited
from reconciler.host.snapshot import Snapshot
from reconciler.model.config import JsonObject
from reconciler.model.digits import whole
from reconciler.model.ids import did_you_mean

if TYPE_CHECKING:
    import mcp_types
    from mcp.server.context import ServerRequestContext

PAGE: Final = 200
"""Tools in one part of the list."""


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


class ToolOptions(Struct, frozen=True, kw_only=True):
    """``patterns`` say which items are tools. A call waits ``wait`` seconds for its result, then it gets a handle.

    ``strict`` refuses inputs that nothing declares.
    """

    patterns: Sequence[str]
    wait: float
    strict: bool


class Tools:
    """Those of one host. ``bug`` is told of what must not happen."""

    def __init__(self, served: Served, options: ToolOptions, bug: Callable[[str, Exception], None]) -> None:
        self._served = served
        self._options = options
        self._bug = bug
        self._handles = Handles(time.monotonic)
        self._offers: tuple[Snapshot | None, dict[str, Offer]] = (None, {})

    def look(self) -> bool:
        """Take what is served now; whether a client sees another list than before."""
        snapshot, before = self._served.snapshot, [_compared(offer) for offer in self._offers[1].values()]
        if snapshot is self._offers[0]:
            return False
        found = offers(snapshot, self._options.patterns, strict=self._options.strict)
        self._offers = (snapshot, found)
        return before != [_compared(offer) for offer in found.values()]

    def schema(self, name: str) -> JsonObject | None:
        """What the tool takes; ``None`` where there is no such tool."""
        offer = self._offers[1].get(name)
        return None if offer is None else offer.schema

    async def close(self) -> None:
        """End what still runs."""
        await self._handles.close()

    def listed(self, params: mcp_types.PaginatedRequestParams | None) -> mcp_types.ListToolsResult:
        """One page of the tools."""
        import mcp_types
        from mcp.shared.exceptions import MCPError

        first = whole(params.cursor or "0") if params is not None and params.cursor else 0
        if first is None:
            raise MCPError(mcp_types.INVALID_PARAMS, "There is no such page of the list of tools")
        offered = [*self._offers[1].values()]
        tools = [tool_of(offer) for offer in offered[first : first + PAGE]]
        if first + PAGE < len(offered):
            return mcp_types.ListToolsResult(tools=tools, next_cursor=str(first + PAGE))
        return mcp_types.ListToolsResult(tools=[*tools, result_tool()])

    async def called(
        self, ctx: ServerRequestContext[Any, Any], params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult:
        """What a tool says; what goes wrong in it is an answer too."""
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


def _compared(offer: Offer) -> tuple[str, str, str, JsonObject]:
    return offer.name, offer.description, offer.version, offer.schema


def _request_id(ctx: ServerRequestContext[Any, Any]) -> str:
    found = ctx.request.scope.get("request_id") if ctx.request is not None else None
    return str(found or "none")
