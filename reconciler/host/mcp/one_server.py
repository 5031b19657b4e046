"""One tool server over all of its connections: opened when it is called, and again a while after it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from reconciler.errors import LlamagateError
from reconciler.host.engine.run import ToolReply, ToolRequest
from reconciler.host.errors import RunTimeoutError, ToolError
from reconciler.host.mcp.client import LIST_SECONDS, Connection, text_of
from reconciler.host.mcp.definitions import ServerDefinition
from reconciler.host.schema import compiled
from reconciler.host.secrets import Masks
from reconciler.model.config import JsonObject
from reconciler.model.ids import did_you_mean
from reconciler.model.tools import AcceptedTools, Tool, is_accepted

if TYPE_CHECKING:
    from mcp_types import CallToolResult

AT_ONCE: Final = 16
"""Calls of one server."""
MOST_STARTS: Final = 8
"""Failures in a row after which a server is left alone until its definition changes, or the home is looked at again."""
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
_SPARE_BYTES: Final = 2**16
"""What a message has besides a result of the greatest size, which may be in it twice."""
SHORTEST_SECRET: Final = 8
_SHOWN_CHARACTERS: Final = 500

_T = TypeVar("_T")


class ServerHealth(Struct, frozen=True, kw_only=True):
    """How a server is. ``error`` is what went wrong last, as long as nothing went right since."""

    name: str
    transport: str
    state: str
    tools: int
    starts: int
    error: str | None

    def to_document(self) -> JsonObject:
        return {
            "name": self.name,
            "transport": self.transport,
            "status": self.state,
            "tools": self.tools,
            "starts": self.starts,
            "error": self.error,
        }


class OneServer:
    """One server over all of its connections."""

    def __init__(
        self,
        definition: ServerDefinition,
        most: int,
        variables: Mapping[str, str],
        tell: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.definition = definition
        self.most = most
        self._variables = variables
        self._tell = tell
        self._clock = clock
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._free = asyncio.Semaphore(AT_ONCE)
        self._failures = 0
        self._not_before = 0.0
        self._starts = 0
        self._tools = 0
        self._error: str | None = None
        self._told: str | None = None
        self._is_closed = False
        self._ends: set[asyncio.Task[None]] = set()

    async def call(self, request: ToolRequest, accepted: AcceptedTools | None) -> ToolReply:
        """One call, within the server's time: a start that it needs first counts."""
        async with self._free:
            connection = await self._connected()
            tools = await self._watched(connection, connection.tools(again=accepted is not None))
            if request.tool not in tools:
                tools = await self._watched(connection, connection.tools(again=True))
            self._tools = len(tools)
            tool = tools.get(request.tool)
            if tool is None:
                raise ToolError(f"the server has no such tool{did_you_mean(request.tool, tools)}")
            if accepted is not None and not is_accepted(tool, accepted):
                is_new = tool.name not in accepted
                what = "it is new" if is_new else "its name, description or schemas changed"
                raise ToolError(f"{what} since the lock was written", advice="look at 'llamagate plan', and apply it")
            result = await self._watched(
                connection, connection.call(request.tool, request.arguments, self.definition.seconds)
            )
        if result.is_error:  # so it works, and tells that it could not do this
            self._went_well()
            text = " ".join(text_of(result).split())[:_SHOWN_CHARACTERS]
            raise ToolError(f"it failed: {text or 'it does not say why'}")
        try:
            reply = await asyncio.to_thread(_reply, result, tool, self.most)
        except LlamagateError as error:
            self._note(error.message)
            raise
        self._went_well()
        return reply

    def health(self) -> ServerHealth:
        """How it is now."""
        is_up = self._connection is not None and self._connection.reason is None
        connection = self._connection
        if self._error is None and connection is not None and connection.reason is not None:
            self._failed(connection, connection.reason)  # it died while nobody called it
            self._end(connection)  # what is left of it, so that the host's own end waits for that
        state = "failed" if self._error else "healthy" if is_up else "not started"
        return health_of(self.definition, state, self._error, tools=self._tools, starts=self._starts)

    def give_another_chance(self) -> None:
        """The home was looked at again: what failed may be tried at once."""
        self._failures, self._not_before = 0, 0.0

    async def close(self) -> None:
        """End it; nothing of it is left."""
        self._is_closed = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._connection is not None:
            self._end(self._connection)
        while self._ends:
            await asyncio.wait([*self._ends])

    def _end(self, connection: Connection) -> None:
        """Nobody waits for it: a program may take seconds to end."""
        task = asyncio.get_running_loop().create_task(connection.close())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _connected(self) -> Connection:
        """The connection. One that is being opened is, also where who asked first does not wait any more."""
        if self._connection is not None and self._connection.reason is None:
            return self._connection
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if self._is_closed and opening.cancelled():
                raise ToolError("its definition changed") from None
            raise

    async def _open(self) -> Connection:
        found = self._connection
        if found is not None:
            self._failed(found, found.reason or "it ended")
            self._end(found)
        self._check_turn()
        self._starts += 1
        connection = Connection(self.definition, self._variables, 2 * self.most + _SPARE_BYTES)
        try:
            await connection.open()
        except LlamagateError as error:
            self._failed(connection, error.message)
            raise
        self._connection = connection
        return connection

    def _opened(self, task: asyncio.Task[Connection]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # seen, though nobody may wait any more

    def _check_turn(self) -> None:
        """``ToolError`` where it failed too often, or too short a while ago."""
        if self._is_closed:
            raise ToolError("its definition changed")
        if self._failures >= MOST_STARTS:
            raise ToolError(
                f"it failed {self._failures} times in a row and is left alone until it changes: {self._error}"
            )
        wait = self._not_before - self._clock()
        if wait > 0:
            raise ToolError(f"it failed, and is tried again in {wait:.0f} seconds")

    async def _watched(self, connection: Connection, work: Awaitable[_T]) -> _T:
        """The result of ``work``. A connection that fails, or does not even list its tools in time, is given up."""
        try:
            return await work
        except (RunTimeoutError, ToolError) as error:
            if connection.reason is not None or not await _lives(connection):
                self._failed(connection, connection.reason or error.message)
                self._end(connection)
            else:
                self._note(error.message)
            raise

    def _failed(self, connection: Connection, reason: str) -> None:
        """Count it, once for each connection; what its program said last is for the operator."""
        if self._connection is connection:
            self._connection = None
        elif self._connection is not None:
            return
        self._failures += 1
        self._not_before = self._clock() + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._failures - 1))
        self._note(f"{reason}; it said: {connection.said}" if connection.said else reason)

    def _note(self, reason: str) -> None:
        self._error = masks_of(self.definition).masked(reason)
        if self._told != self._error:
            self._told = self._error
            self._tell(f"tool server {self.definition.name}: {self._error}")

    def _went_well(self) -> None:
        if self._error is not None:
            self._tell(f"tool server {self.definition.name}: it works again")
        self._failures, self._not_before, self._error, self._told = 0, 0.0, None, None


async def _lives(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(LIST_SECONDS / 5):
            await connection.tools(again=True)
    except (LlamagateError, TimeoutError):
        return False
    return True


def _reply(result: CallToolResult, tool: Tool, most: int) -> ToolReply:
    """What a step is given of an answer. ``ToolError`` where it is too long, or not as the tool says."""
    structured = result.structured_content
    size = len(result.model_dump_json(by_alias=True, exclude_none=True).encode())
    if size > most:
        raise ToolError(f"its answer has {size} bytes; max_tool_result_size allows {most}")
    if isinstance(tool.output_schema, dict):
        problem = _problem(tool.output_schema, structured)
        if problem is not None:
            raise ToolError(f"its answer is not as its 'outputSchema' says: {problem}")
    return ToolReply(text=text_of(result), structured=structured)


def _problem(schema: JsonObject, structured: JsonObject | None) -> str | None:
    if structured is None:
        return "there is no structuredContent"
    return compiled(schema, name="its outputSchema").problem(structured)


def health_of(
    definition: ServerDefinition, state: str, error: str | None, *, tools: int = 0, starts: int = 0
) -> ServerHealth:
    """``state`` as a value, with what is known beside it."""
    transport = str(definition.transport)
    return ServerHealth(name=definition.name, transport=transport, state=state, tools=tools, starts=starts, error=error)


def masks_of(definition: ServerDefinition) -> Masks:
    """What nobody may be shown of a server: the values of its variables and headers, and the parts of these."""
    parts = [part for text in definition.secrets for part in (text, *text.split())]
    found = {part for part in parts if len(part) >= SHORTEST_SECRET}
    return Masks(tuple(sorted(found, key=len, reverse=True)))
