"""One connection to a tool server, from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from reconciler import __version__
from reconciler.errors import LlamagateError
from reconciler.host.errors import RunTimeoutError, ToolError
from reconciler.host.mcp import http
from reconciler.host.mcp.definitions import ServerDefinition, Transport
from reconciler.host.mcp.sdk import load_sdk
from reconciler.host.mcp.stdio import Program
from reconciler.model.config import JsonObject
from reconciler.model.tools import Tool

if TYPE_CHECKING:
    from mcp.client.client import Client
    from mcp.client.session import ClientSession
    from mcp_types import CallToolResult, ListToolsResult

START_SECONDS: Final = 30.0
LIST_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 10.0
_LIST_KEPT_SECONDS: Final = 60.0
"""Not every server says that its list changed."""
_MAX_PAGES: Final = 50
MAX_TOOLS: Final = 2_000
_SHOWN_CHARACTERS: Final = 300
_CHANGED: Final = "notifications/tools/list_changed"


class Connection:
    """Opened once, and then shared by all calls; ``reason`` says why it ended, and is ``None`` as long as it lives."""

    def __init__(self, definition: ServerDefinition, variables: Mapping[str, str], most: int) -> None:
        self._definition = definition
        self._most = most
        self._program = Program(definition, variables, most) if definition.transport is Transport.STDIO else None
        self._client: Client | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ending = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._tools: Mapping[str, Tool] | None = None
        self._listed_at = 0.0
        self.reason: str | None = None

    @property
    def said(self) -> str:
        """What its program wrote last, for the operator."""
        return self._program.said if self._program else ""

    async def open(self) -> None:
        """Start it. ``ToolError`` where that fails, or takes too long."""
        await load_sdk()
        self._life = asyncio.create_task(self._live())
        try:
            async with asyncio.timeout(START_SECONDS):
                await asyncio.shield(self._ready)
        except TimeoutError as error:
            await self.close()
            raise ToolError(f"it did not start within {START_SECONDS:g} seconds") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End it; a program is gone then."""
        self._ending.set()
        self.reason = self.reason or "it was ended"
        if self._life is None:
            return
        await asyncio.wait([self._life], timeout=0 if not self._ready.done() else _CLOSE_SECONDS)
        while not self._life.done():
            self._life.cancel()
            await asyncio.wait([self._life], timeout=_CLOSE_SECONDS)
        if self._program is not None:
            await self._program.ended()

    async def tools(self, *, again: bool) -> Mapping[str, Tool]:
        """What it lists; as it did a short while ago, unless it said that this changed, or ``again`` is set."""
        now = asyncio.get_running_loop().time()
        if self._tools is None or again or now - self._listed_at > _LIST_KEPT_SECONDS:
            self._listed_at = now
            found: dict[str, Tool] = {}
            cursor = None
            for _ in range(_MAX_PAGES):
                page = await self._page(cursor)
                for tool in page.tools:
                    found[tool.name] = Tool.from_document(
                        tool.model_dump(by_alias=True, mode="json", exclude_none=True)
                    )
                cursor = page.next_cursor
                if cursor is None or len(found) > MAX_TOOLS:
                    break
            self._tools = found
        return self._tools

    async def call(self, tool: str, arguments: JsonObject, seconds: float) -> CallToolResult:
        """What the tool answers; that it failed is an answer, too."""
        import mcp_types

        params = mcp_types.CallToolRequestParams(name=tool, arguments=arguments)
        async with self._errors_in_words(seconds):
            # Not through call_tool, which would judge the answer by a schema of the server, in any time.
            return await self._session.send_request(
                mcp_types.CallToolRequest(params=params), mcp_types.CallToolResult, request_read_timeout_seconds=None
            )

    async def _page(self, cursor: str | None) -> ListToolsResult:
        import mcp_types

        params = mcp_types.PaginatedRequestParams(cursor=cursor) if cursor else None
        async with self._errors_in_words(LIST_SECONDS):
            return await self._session.list_tools(params=params)

    @property
    def _session(self) -> ClientSession:
        if self._client is None or self.reason is not None:
            raise ToolError(self.reason or "it is not connected")
        return self._client.session

    @asynccontextmanager
    async def _errors_in_words(self, seconds: float) -> AsyncIterator[None]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise RunTimeoutError(f"it did not answer within {seconds:g} seconds") from error
            raise ToolError(_said(error)) from error
        except LlamagateError:
            raise
        except Exception as error:
            raise ToolError(self.reason or _said(error)) from error

    async def _live(self) -> None:
        """In one task from its start to its end, as the SDK's scopes want it."""
        from mcp.client.client import Client
        from mcp_types import Implementation

        try:
            info = Implementation(name="llamagate", version=__version__)
            async with Client(self._transport(), cache=None, client_info=info, message_handler=self._heard) as client:
                self._client = client
                self._ready.set_result(None)
                await self._ending.wait()
        except asyncio.CancelledError:
            self.reason = self.reason or "it was ended"
        except BaseException as error:  # groups too; each is told in words where it is asked for
            self.reason = self.reason or self._reason(error)
        finally:
            self.reason = self.reason or "it was ended"
            if not self._ready.done():
                self._ready.set_exception(ToolError(self.reason))
                self._ready.exception()  # seen, though nobody may wait any more

    def _transport(self) -> Any:
        if self._program is not None:
            return self._program.transport(self._died)
        return http.transport(self._definition, self._most)

    def _died(self) -> None:
        if self._program is not None:
            self.reason = self.reason or self._program.fault
        self._ending.set()

    def _reason(self, error: BaseException) -> str:
        fault = self._program.fault if self._program else None
        return _said(error) if fault in (None, "it was ended") else str(fault)

    async def _heard(self, message: object) -> None:
        if getattr(message, "method", None) == _CHANGED:
            self._tools = None


def _said(error: BaseException) -> str:
    """The first real reason in a failure, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kind = type(error).__name__
    text = " ".join(str(error).split())
    if kind == "ValidationError" or not text:
        return f"what it answered is not as the protocol says ({kind})"
    return text[:_SHOWN_CHARACTERS]


def text_of(result: CallToolResult) -> str:
    """The texts of an answer; what else it holds is named by its kind."""
    parts = []
    for part in result.content:
        text = getattr(part, "text", None)
        if text is None:
            with suppress(AttributeError):
                text = getattr(part.resource, "text", None)  # type: ignore[union-attr]
        parts.append(text if isinstance(text, str) else f"[{part.type}]")
    return "\n".join(parts)
