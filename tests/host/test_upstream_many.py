"""200 streams at once, half of them cut in the middle: afterwards nothing of them is left."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.host.upstream.pool import MAX_KEPT
from tests.host.raw_upstream import Line, until
from tests.host.served import Stage
from tests.host.test_upstream import World, asked, connect, world

__all__ = ["world"]

STREAMS = 200
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted where Linux shows them")
@pytest.mark.parametrize("cut", ["callers", "upstream"])
def test_nothing_is_left_of_200_streams(world: World, stage: Stage, cut: str) -> None:
    ready = threading.Semaphore(0)
    go = threading.Event()
    numbers = iter(range(STREAMS))

    def script(line: Line) -> None:
        line.request()
        is_cut = next(numbers) % 2 == 0
        line.send(HEAD + EVENT)
        ready.release()
        go.wait(30)
        if cut == "upstream" and is_cut:
            return
        line.send(EVENT + b"0\r\n\r\n")
        line.request()

    host = world.before(script)
    host.get("/livez")  # the client's own connection is there
    tasks, files = len(asyncio.all_tasks(stage.loop)), descriptors()
    with ExitStack() as stack:
        callers = [stack.enter_context(connect(host)) for _ in range(STREAMS)]
        for caller in callers:
            caller.sendall(asked(b"POST", b"/v1/chat/completions"))
        for _ in callers:
            assert ready.acquire(timeout=30)
        if cut == "callers":
            for caller in callers[::2]:
                caller.close()
        go.set()
        ends = [read(caller) for caller in callers if caller.fileno() != -1]
    whole = sum(end.endswith(b"\r\n0\r\n\r\n") for end in ends)
    assert (len(ends), whole) == ((STREAMS // 2, STREAMS // 2) if cut == "callers" else (STREAMS, STREAMS // 2))
    assert host.runtime.pool is not None
    assert host.runtime.pool.waiting <= MAX_KEPT
    assert until(lambda: len(asyncio.all_tasks(stage.loop)) <= tasks), asyncio.all_tasks(stage.loop)
    assert until(lambda: descriptors() <= files), (descriptors(), files)
    assert host.get("/livez").status_code == 200


def read(caller: socket.socket) -> bytes:
    data = b""
    while part := caller.recv(65536):
        data += part
    return data
