"""All tool servers that steps may call: started when they are first called, kept, and started again after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from reconciler.errors import InputError, LlamagateError
from reconciler.host.engine.run import ToolReply, ToolRequest
from reconciler.host.errors import RunTimeoutError, ToolError
from reconciler.host.mcp.definitions import ServerDefinition, ToolSettings, Transport
from reconciler.host.mcp.one_server import SHORTEST_SECRET, OneServer, ServerHealth, health_of, masks_of
from reconciler.host.secrets import MASK, Masks
from reconciler.model.config import Json
from reconciler.model.tools import AcceptedTools


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
        self._servers: dict[str, OneServer] = {}
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
                found.append(health_of(definition, state, None))
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

    def _server(self, definition: ServerDefinition) -> OneServer:
        server = self._servers.get(definition.name)
        if server is None or server.definition != definition or server.most != self._settings.most:
            if server is not None:
                self._end(server)
            server = OneServer(definition, self._settings.most, self._variables, self._tell, self._clock)
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

    def _end(self, server: OneServer) -> None:
        task = asyncio.get_running_loop().create_task(server.close())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)


def _unsaid(reply: ToolReply, definition: ServerDefinition) -> ToolReply:
    """An answer without the server's own keys: those of its headers, and of variables whose name says so."""
    headers = {part for text in definition.headers.values() for part in text.split() if len(part) >= SHORTEST_SECRET}
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
