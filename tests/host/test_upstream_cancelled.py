"""Who leaves first: the other side learns it within a second, whatever was under way."""

from __future__ import annotations

import threading
import time

import pytest

from tests.host.raw_upstream import Line, until
from tests.host.test_upstream import World, ask, asked, connect, world
from tests.support.promised import promised

__all__ = ["world"]

MOMENTS = ["before the head", "before the first byte", "in the middle"]
ROUTES = [
    (b"POST", b"/v1/chat/completions"),
    (b"GET", b"/v1/models"),
    (b"GET", b"/v1/system/info"),
    (b"POST", b"/v1/mcp/execute"),
    (b"GET", b"/v1/mcp/servers"),
    (b"DELETE", b"/api/anything"),
]
HEADS = {
    "streamed": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    "not": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
}
PARTS = {"streamed": b"9\r\ndata: 1\n\n\r\n", "not": b"the first bytes"}


def sent(kind: str, moment: str) -> bytes:
    """What the upstream has sent by then."""
    return b"" if moment == MOMENTS[0] else HEADS[kind] + (PARTS[kind] if moment == MOMENTS[2] else b"")


def request(route: tuple[bytes, bytes]) -> bytes:
    method, path = route
    body = b'{"stream": true}' if method == b"POST" else b""
    return asked(method, path, b"Content-Length: %d\r\n" % len(body), body)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1].decode())
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", HEADS)
@promised(1)
def test_the_caller_leaves(world: World, kind: str, moment: str, route: tuple[bytes, bytes], most: float) -> None:
    ready, gone = threading.Event(), threading.Event()

    def script(line: Line) -> None:
        line.request()
        line.send(sent(kind, moment))
        ready.set()
        if line.is_closed():
            gone.set()

    host = world.before(script)
    with connect(host) as caller:
        caller.sendall(request(route))
        assert ready.wait(20)
        while moment != MOMENTS[0] and not caller.recv(4096).endswith(sent(kind, moment)[-4:]):
            pass
        start = time.monotonic()
    assert gone.wait(20)
    assert time.monotonic() - start < most


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1].decode())
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", HEADS)
@promised(1)
def test_the_upstream_leaves(world: World, kind: str, moment: str, route: tuple[bytes, bytes], most: float) -> None:
    left: list[float] = []

    def script(line: Line) -> None:
        line.request()
        line.send(sent(kind, moment))
        time.sleep(0.05)
        left.append(time.monotonic())

    answer = ask(world.before(script), request(route))
    assert time.monotonic() - left[0] < most
    assert not answer.endswith(b"0\r\n\r\n")
    assert (b" 502 " in answer) == (moment == MOMENTS[0])


def test_a_caller_who_leaves_while_the_body_is_sent(world: World) -> None:
    gone = threading.Event()

    def script(line: Line) -> None:
        line.socket.recv(65536)
        line.socket.recv(65536)
        gone.set() if line.is_closed() else None

    with connect(world.before(script)) as caller:
        caller.sendall(asked(b"POST", headers=b"Content-Length: 100000\r\n", body=b"begun"))
        time.sleep(0.1)
    assert gone.wait(15)  # before it would be a silence


def test_a_caller_who_reads_nothing_holds_up_the_upstream_and_not_the_memory(world: World) -> None:
    """The upstream can send no more than the sockets between hold, until the caller reads on."""
    sent_bytes = 0
    size = 64 * 2**20

    def script(line: Line) -> None:
        nonlocal sent_bytes
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent_bytes < size:
            line.send(b"x" * 2**16)
            sent_bytes += 2**16

    def rests() -> bool:
        before = sent_bytes
        time.sleep(0.5)
        return sent_bytes == before

    with connect(world.before(script)) as caller:
        caller.sendall(asked())
        assert until(lambda: sent_bytes > 2**18 and rests())
        assert sent_bytes < size // 2
        received = 0
        while part := caller.recv(2**20):
            received += len(part)
        assert received > size


def test_a_caller_who_never_reads_is_let_go(world: World) -> None:
    gone = threading.Event()

    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**28)
        try:
            while True:
                line.send(b"x" * 2**16)
        except OSError:
            gone.set()

    with connect(world.before(script, seconds=0.5)) as caller:
        caller.sendall(asked())
        assert gone.wait(10)
