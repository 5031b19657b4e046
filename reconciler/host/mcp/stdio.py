"""A tool server that is a program of this machine: its messages are the lines of its input and output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from reconciler.host.errors import ToolError
from reconciler.host.mcp import child
from reconciler.host.mcp.definitions import ServerDefinition

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "USER", "LOGNAME")
"""Variables that a program gets besides its own: with less, many do not start."""
_GRACE_SECONDS: Final = 2.0
_END_SECONDS: Final = 4.0
_CHUNK: Final = 2**16
_MOST_NOISE: Final = 100
"""Lines in a row that are no messages."""
MOST_UNASKED: Final = 1_000
"""Messages in a second that answer nothing: no program that works has so much to say."""
_KEPT_LINES: Final = 5
_KEPT_CHARACTERS: Final = 300


class _Process:
    """One that was started with all three pipes. While ``lifeline`` is open, its keeper lets it live."""

    def __init__(self, started: asyncio.subprocess.Process, lifeline: int) -> None:
        self.started = started
        self.lifeline = lifeline
        self.stdin = cast(asyncio.StreamWriter, started.stdin)
        self.stdout = cast(asyncio.StreamReader, started.stdout)
        self.stderr = cast(asyncio.StreamReader, started.stderr)


class Program:
    """One program. ``fault`` says why it ended."""

    def __init__(self, definition: ServerDefinition, variables: Mapping[str, str], most: int) -> None:
        self._definition = definition
        self._most = most
        self._env = {name: variables[name] for name in INHERITED if name in variables} | {**definition.env}
        self._heard: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ending: asyncio.Task[None] | None = None
        self._unanswered = 0
        self._hears = asyncio.Event()
        self._hears.set()
        self.fault: str | None = None

    async def ended(self) -> None:
        """Until it is gone, if it was started."""
        if self._ending is not None:
            await asyncio.wait([self._ending])

    @asynccontextmanager
    async def transport(self, died: Callable[[], None]) -> AsyncIterator[TransportStreams]:
        """Its streams, as the SDK wants them. At the end it is gone, with all that it started.

        ``died`` is called where it ends by itself.
        """
        import anyio
        from mcp.shared.message import SessionMessage

        process = await self._start()
        into, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        answers, out_of = anyio.create_memory_object_stream[SessionMessage](0)

        async def read() -> None:
            async with into:
                try:
                    await self._read(process, into)
                except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                    return  # nobody listens any more
                died()

        async def write() -> None:
            async with out_of:
                async for message in out_of:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    self._unanswered += hasattr(message.message, "method") and hasattr(message.message, "id")
                    process.stdin.write(text.encode() + b"\n")
                    self._hears.clear()
                    with contextlib.suppress(OSError):
                        await process.stdin.drain()
                    self._hears.set()

        tasks = [asyncio.create_task(one) for one in (read(), write(), self._listen(process))]
        try:
            yield messages, answers
        finally:
            self.fault = self.fault or "it was ended"
            for stream in (messages, answers, into, out_of):
                stream.close()
            self._ending = asyncio.create_task(_ended(process, tasks))
            await asyncio.shield(self._ending)

    @property
    def said(self) -> str:
        """The last lines of its error output: for the operator, and for nobody who calls its tools."""
        return " / ".join(self._heard)

    async def _start(self) -> _Process:
        definition = self._definition
        command = shutil.which(definition.command, path=self._env.get("PATH") or os.defpath)
        if command is None:
            raise ToolError(f"its program '{definition.command}' is not there, or is not executable")
        held, lifeline = os.pipe()
        try:
            started = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(Path(child.__file__)), str(held), command, *definition.args),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._env,
                pass_fds=[held],
                start_new_session=True,  # Ctrl-C in a terminal is for the host, which then ends this
            )
        except BaseException as error:
            os.close(lifeline)
            if isinstance(error, OSError | ValueError):
                raise ToolError(f"its program cannot be started: {error}") from error
            raise
        finally:
            os.close(held)
        return _Process(started, lifeline)

    async def _read(self, process: _Process, into: object) -> None:
        """Hand over its messages, until it ends or says what cannot be one; ``fault`` then says which."""
        import mcp_types
        from mcp.shared.message import SessionMessage

        noise, unasked, since = 0, 0, 0.0
        async for line in self._lines(process):
            try:
                message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                noise += bool(line.strip())
                if noise > _MOST_NOISE:
                    self.fault = "what it writes are not messages of the protocol"
                    return
                continue
            noise = 0
            if self._unanswered and not hasattr(message, "method"):
                self._unanswered -= 1
            else:
                now = asyncio.get_running_loop().time()
                unasked, since = (unasked + 1, since) if now - since < 1 else (1, now)
            if unasked > MOST_UNASKED:
                self.fault = f"it sent more than {MOST_UNASKED} messages in a second that nobody asked for"
                return
            if hasattr(message, "method") and hasattr(message, "id"):
                await self._hears.wait()  # it asks, and must listen to the answers
            await into.send(SessionMessage(message))  # type: ignore[attr-defined]

    async def _lines(self, process: _Process) -> AsyncIterator[bytes]:
        rest = bytearray()
        while chunk := await process.stdout.read(_CHUNK):
            *lines, last = chunk.split(b"\n")
            for line in lines:
                yield bytes(rest + line)
                rest.clear()
            rest += last
            if len(rest) > self._most:
                self.fault = f"it sent more than {self._most} bytes as one message"
                return
        self.fault = self.fault or "it ended"

    async def _listen(self, process: _Process) -> None:
        while chunk := await process.stderr.read(_CHUNK):
            for line in chunk[-_CHUNK // 8 :].decode("utf-8", "replace").splitlines():
                if line.strip():
                    self._heard.append("".join(filter(str.isprintable, line))[:_KEPT_CHARACTERS].strip())


async def _ended(process: _Process, tasks: list[asyncio.Task[None]]) -> None:
    """First it may end by itself, when its input does; then it is ended."""
    process.stdin.close()
    drained = asyncio.create_task(_drained(process))
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.started.wait()
    except TimeoutError:
        pass
    finally:
        os.close(process.lifeline)  # now its keeper ends it
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.started.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.started.kill()
    for task in (*tasks, drained):
        task.cancel()
    await asyncio.wait([*tasks, drained])
    transport = getattr(process.started, "_transport", None)  # what got away may hold a pipe; nothing public ends it
    if transport is not None:
        transport.close()


async def _drained(process: _Process) -> None:
    """A program that is still writing could not end."""
    with contextlib.suppress(RuntimeError):  # another task reads it
        while await process.stdout.read(_CHUNK):
            pass
