"""All tool servers that steps may call: started when they are first called, kept, and started again after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from reconciler.errors import InputError, LlamagateError
from reconciler.host.engine.run import ToolReply, ToolRequest
from reconciler.host.errors import RunTimeoutError, ToolError
from reconciler.host.mcp.client import LIST_SECONDS, Connection, text_of
from reconciler.host.mcp.definitions import ServerDefinition, ToolSettings, Transport
from reconciler.host.schema import compiled
from reconciler.host.secrets import MASK, Masks
from reconciler.model.config import Json, JsonObject
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
_SHORTEST_SECRET: Final = 8
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


class ToolServers:
    """Calls tools of the servers in ``settings``; it belongs to the event loop that first uses it.

    ``accepted`` holds the digests of tools that somebody approved, by server; a tool that is otherwise is not called.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        tell: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._variables = variables
        self._tell = tell
        self._clock = clock
        self._settings = ToolSettings()
        self._accepted: Mapping[str, AcceptedTools] = {}
        self._servers: dict[str, _Server] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends: set[asyncio.Task[None]] = set()

    def define(self, settings: ToolSettings, accepted: Mapping[str, AcceptedTools]) -> None:
        """From now on these are the servers; from any thread. One that changed is ended, and others go on."""
        self._settings = settings
        self._accepted = accepted
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_changed)

    async def call(self, request: ToolRequest) -> ToolReply:
        """See ``Tools``."""
        self._loop = asyncio.get_running_loop()
        settings = self._settings
        what = f"the tool '{request.tool}' of the tool server '{request.server}'"
        try:
            definition = settings.server(request.server)
        except InputError as error:
            raise ToolError(error.message) from error
        refusal = settings.refusal(request.server, request.tool)
        if refusal is not None:
            raise ToolError(f"{what} may not be called: {refusal}")
        if not request.programs and definition.transport is Transport.STDIO:
            raise ToolError(f"{what} may not be called: the guardrail no_filesystem_access forbids programs")
        masks = masks_of(definition)
        try:
            reply = await self._server(definition).call(request, self._accepted.get(request.server))
        except RunTimeoutError as error:
            raise RunTimeoutError(f"{what}: {masks.masked(error.message)}") from error
        except LlamagateError as error:
            raise ToolError(f"{what}: {masks.masked(error.message)}", advice=error.advice) from error
        return _unsaid(reply, definition)

    def health(self) -> list[ServerHealth]:
        """How each server is that the settings have."""
        found = []
        for name, definition in self._settings.servers.items():
            server = self._servers.get(name)
            if server is None or server.definition != definition:
                state = "not started" if definition.enabled else "disabled"
                found.append(_health(definition, state, None))
            else:
                found.append(server.health())
        return found

    async def close(self) -> None:
        """End them all; no program of theirs is left."""
        for server in [*self._servers.values()]:
            self._end(server)
        self._servers.clear()
        while self._ends:
            await asyncio.wait([*self._ends])

    def _server(self, definition: ServerDefinition) -> _Server:
        server = self._servers.get(definition.name)
        if server is None or server.definition != definition or server.most != self._settings.most:
            if server is not None:
                self._end(server)
            server = _Server(definition, self._settings.most, self._variables, self._tell, self._clock)
            self._servers[definition.name] = server
        return server

    def _end_changed(self) -> None:
        for name, server in [*self._servers.items()]:
            definition = self._settings.servers.get(name)
            is_same = definition == server.definition and server.most == self._settings.most
            if not is_same or not server.definition.enabled:
                self._end(self._servers.pop(name))
            else:
                server.give_another_chance()

    def _end(self, server: _Server) -> None:
        task = asyncio.get_running_loop().create_task(server.close())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)


class _Server:
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
        is_up = self._connection is not None and self._connection.reason is None
        if self._error is None and self._connection is not None and self._connection.reason is not None:
            self._failed(self._connection, self._connection.reason)  # it died while nobody called it
        state = "failed" if self._error else "healthy" if is_up else "not started"
        return _health(self.definition, state, self._error, tools=self._tools, starts=self._starts)

    def give_another_chance(self) -> None:
        """The home was looked at again: what failed may be tried at once."""
        self._failures, self._not_before = 0, 0.0

    async def close(self) -> None:
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


def _health(
    definition: ServerDefinition, state: str, error: str | None, *, tools: int = 0, starts: int = 0
) -> ServerHealth:
    transport = str(definition.transport)
    return ServerHealth(name=definition.name, transport=transport, state=state, tools=tools, starts=starts, error=error)


def masks_of(definition: ServerDefinition) -> Masks:
    """What nobody may be shown of a server: the values of its variables and headers, and the parts of these."""
    parts = [part for text in definition.secrets for part in (text, *text.split())]
    found = {part for part in parts if len(part) >= _SHORTEST_SECRET}
    return Masks(tuple(sorted(found, key=len, reverse=True)))


def _unsaid(reply: ToolReply, definition: ServerDefinition) -> ToolReply:
    """An answer without the server's own keys: those of its headers, and of variables whose name says so."""
    headers = {part for text in definition.headers.values() for part in text.split() if len(part) >= _SHORTEST_SECRET}
    secrets = sorted({*headers, *Masks.of(definition.env).values}, key=len, reverse=True)
    structured = _masked(reply.structured, secrets)
    return ToolReply(text=_hidden(reply.text, secrets), structured=structured if isinstance(structured, dict) else None)


def _masked(value: Json, secrets: Sequence[str]) -> Json:
    if isinstance(value, str):
        return _hidden(value, secrets)
    if isinstance(value, dict):
        return {key: _masked(one, secrets) for key, one in value.items()}
    return [_masked(one, secrets) for one in value] if isinstance(value, list) else value


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
