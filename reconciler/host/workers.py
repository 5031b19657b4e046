"""The worker processes of a host: started when one is needed, and killed when what they do is no longer waited for."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar, cast

from reconciler.host.errors import RunError, RunTimeoutError
from reconciler.host.worker import HEAD

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CHUNK: Final = 2**18
_START: Final = "import sys, json; sys.path = json.loads(sys.argv[1]); from reconciler.host.worker import main; main()"
_MOST_PROCESSES: Final = max(2, min(4, os.cpu_count() or 1))


class Workers:
    """At ``most`` so many processes; a piece may take ``seconds``. It belongs to the event loop that first uses it."""

    def __init__(self, *, seconds: float, most: int = _MOST_PROCESSES) -> None:
        self._seconds = seconds
        self._free = asyncio.Semaphore(most)
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()

    async def run(self, function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        """See ``engine.pieces``."""
        async with self._free:
            process = self._next()
            try:
                answer = await self._asked(process, pickle.dumps((function, arguments, named), 5))
            except BaseException:  # cancelled, for the most part: at the run's deadline, or its caller went away
                self._end(process)
                raise
            self._idle.append(process)
        found, kind, message = _loaded(answer)
        if kind is not None:
            raise kind(message)
        return cast(_T, found)

    def close(self) -> None:
        """Kill them all, and wait until they are gone."""
        for process in [*self._all]:
            process.kill()
            process.wait()
        self._all.clear()
        self._idle.clear()

    async def _asked(self, process: _Process, data: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await process.ask(data, self._seconds)
        except TimeoutError as error:
            raise RunTimeoutError(f"a step computed for more than {self._seconds:g} seconds") from error
        except (OSError, EOFError) as error:
            raise RunError("the process that computed a step ended early; it may have used too much memory") from error

    def _next(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            self._end(process)
        process = _Process()
        self._all.add(process)
        return process

    def _end(self, process: _Process) -> None:
        self._all.discard(process)
        process.kill()
        # In a thread: the system takes a while to give back the memory of a large one.
        asyncio.get_running_loop().run_in_executor(None, process.wait)


def _loaded(answer: bytes) -> tuple[object, type[Exception] | None, str]:
    with uncollected():
        found: tuple[object, type[Exception] | None, str] = pickle.loads(answer)  # noqa: S301 - of a process of its own
    return found


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which looks at everything again and again while many values are made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Process:
    """One process, and the socket to it."""

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-I", "-c", _START, json.dumps(sys.path), str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal is for the host, which then ends this
            )

    async def ask(self, data: bytes, seconds: float) -> bytes:
        """Its answer. ``EOFError`` where it ends instead."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, HEAD.pack(len(data), seconds + 1) + data)
        length, _ = HEAD.unpack(await self._read(HEAD.size))
        return await self._read(length)

    async def _read(self, length: int) -> bytes:
        loop, data = asyncio.get_running_loop(), bytearray()
        while len(data) < length:
            chunk = await loop.sock_recv(self._socket, min(_CHUNK, length - len(data)))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Tell the system to end it."""
        self._process.kill()
        self._socket.close()

    def wait(self) -> None:
        """Until it is gone."""
        self._process.wait()
