"""``serve --upstream``: what is not the host's own goes through as it is, both ways."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from reconciler.host.upstream.address import Upstream
from reconciler.host.web.app import make_app
from reconciler.host.web.tapping import HookTap
from tests.host.conftest import Serve
from tests.host.raw_upstream import Line, RawUpstream, Script, answering
from tests.host.served import Host

Behind = Callable[..., Host]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class World:
    """Hosts before raw upstreams."""

    serve: Serve
    stack: ExitStack
    seen: list[bytes] = field(default_factory=list)
    upstream: RawUpstream = field(init=False)

    def before(
        self, script: Script | bytes, *, seconds: float = 20, upstream_key: str | None = None, **options: object
    ) -> Host:
        """A host before an upstream with this script, or one that always gives this answer."""
        upstream = RawUpstream(answering(script, self.seen) if isinstance(script, bytes) else script)
        self.stack.callback(upstream.close)
        host = self.serve(upstream=Upstream(url=upstream.url, api_key=upstream_key, seconds=seconds), **options)
        upstream.is_ready = True
        self.upstream = upstream
        return host

    @property
    def head(self) -> list[bytes]:
        """The lines of the last request's head that the upstream saw."""
        return self.seen[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.fixture
def world(serve: Serve) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(serve, stack)


def connect(host: Host) -> socket.socket:
    parts = urlsplit(str(host.client.base_url))
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def ask(host: Host, request: bytes) -> bytes:
    """All that comes back until the host closes."""
    with connect(host) as line:
        line.sendall(request)
        data = b""
        with suppress(ConnectionResetError):  # the rest of a body that was answered before it was read
            while part := line.recv(65536):
                data += part
        return data


def asked(method: bytes = b"GET", target: bytes = b"/x", headers: bytes = b"", body: bytes = b"") -> bytes:
    return b"%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n%s" % (method, target, headers, body)


def test_a_request_goes_through_as_it_is(world: World) -> None:
    host = world.before(OK)
    body = b'{"model": "m", "unknown": [1,  2]}'
    headers = b"X-Odd: a\r\nX-Odd: b\r\nCookie: c=1\r\nX-Request-ID: id-1\r\nContent-Length: %d\r\n" % len(body)
    ask(host, asked(b"POST", b"/v1/chat//completions/%2F%e4?a=%20b&c=+&&d", headers, body))
    assert world.seen[-1].endswith(b"\r\n\r\n" + body)
    line, first, *others = world.head
    assert line == b"POST /v1/chat//completions/%2F%e4?a=%20b&c=+&&d HTTP/1.1"
    assert first.startswith(b"host: 127.0.0.1:")
    assert others[:-1] == [b"x-odd: a", b"x-odd: b", b"cookie: c=1", b"x-request-id: id-1", b"content-length: 34"]
    assert others[-1].startswith(b"via: 1.1 llamagate-")


def test_an_answer_goes_through_as_it_is(world: World) -> None:
    host = world.before(
        b"HTTP/1.1 418 I'm a teapot\r\nDate: then\r\nSERVER: s\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Content-Encoding: br\r\nKeep-Alive: timeout=5\r\nX-Gone: 1\r\nConnection: keep-alive, X-Gone\r\n"
        b"X-Request-Id: its-own\r\nContent-Length: 5\r\n\r\n\x00\xff\r\n\x01"
    )
    head, _, body = ask(host, asked()).partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"HTTP/1.1 418 I'm a Teapot"
    assert [name.lower() + mark + value for name, mark, value in (line.partition(b": ") for line in lines)] == [
        b"date: then",
        b"server: s",
        b"set-cookie: a=1",
        b"set-cookie: b=2",
        b"content-encoding: br",
        b"x-request-id: its-own",
        b"content-length: 5",
        b"connection: close",
    ]
    assert body == b"\x00\xff\r\n\x01"


@pytest.mark.parametrize(
    ("api_key", "upstream_key", "passed"),
    [
        (None, None, [b"authorization: Bearer theirs", b"x-api-key: k"]),
        (None, "up", [b"authorization: Bearer up"]),
        ("k", None, []),
        ("k", "up", [b"authorization: Bearer up"]),
    ],
    ids=["none", "shown", "checked", "both"],
)
def test_keys(world: World, api_key: str | None, upstream_key: str | None, passed: list[bytes]) -> None:
    host = world.before(OK, api_key=api_key, upstream_key=upstream_key)
    ask(host, asked(headers=b"Authorization: Bearer theirs\r\nX-API-Key: k\r\nX-More: see k\r\n"))
    keys = [one for one in world.head if one.startswith((b"authorization", b"x-api-key"))]
    assert keys == passed
    assert (b"x-more: see k" in world.head) == (api_key is None)


def test_without_hooks_nothing_is_tapped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(HookTap, "asked")
    assert world.before(OK).post("/v1/chat/completions", {}).content == b"ok"


def test_without_the_key_nothing_reaches_the_upstream(world: World) -> None:
    host = world.before(OK, api_key="k")
    assert host.get("/v1/models").status_code == 401
    assert world.seen == []


def test_a_stream_comes_as_it_is_sent(world: World) -> None:
    go = threading.Event()

    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        line.send(b"9\r\ndata: 1\n\n\r\n")
        go.wait(20)
        line.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    host = world.before(script)
    with host.client.stream("GET", "/x") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"data: 1\n\n"
        go.set()
        assert b"".join(parts) == b"data: 2\n\n"


def test_a_body_is_passed_on_while_it_is_sent(world: World) -> None:
    came = threading.Event()

    def script(line: Line) -> None:
        line.buffered += line.socket.recv(65536)
        while b"first" not in line.buffered:
            line.buffered += line.socket.recv(65536)
        came.set()
        world.seen.append(line.request())
        line.send(OK)

    host = world.before(script)

    def body() -> Iterator[bytes]:
        yield b"first"
        assert came.wait(20)
        yield b"second"

    assert host.client.post("/x", content=body()).content == b"ok"
    assert world.seen[0].endswith(b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")


@pytest.mark.parametrize("end", [lambda line: line.socket.close(), Line.reset], ids=["closed", "reset"])
@pytest.mark.parametrize(
    "framing",
    [b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"Content-Length: 100\r\n\r\nhello"],
    ids=["chunked", "length"],
)
def test_an_answer_that_is_cut_is_seen_to_be_cut(world: World, framing: bytes, end: Script) -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\n" + framing)
        time.sleep(0.1)
        end(line)

    start = time.monotonic()
    answer = ask(world.before(script), asked())
    assert b"hello" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert time.monotonic() - start < 10  # before it would be a silence


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n"])
def test_no_answer_is_said_in_words(world: World, method: bytes, sent: bytes) -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(sent)

    answer = ask(world.before(script), asked(method))
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b'"type":"server_error"' in answer


def test_an_upstream_that_is_not_there(world: World) -> None:
    answer = world.serve(upstream=Upstream(url="http://127.0.0.1:9")).get("/v1/models")
    assert answer.status_code == 502
    assert answer.json()["error"]["message"].startswith("the upstream cannot be reached (")
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]


def test_silence_ends_an_exchange(world: World) -> None:
    def script(line: Line) -> None:
        line.request()
        line.is_closed()

    answer = world.before(script, seconds=0.2).get("/x")
    assert (answer.status_code, answer.json()["error"]["message"]) == (504, "the upstream was silent for 0.2 seconds")


def test_drips_are_no_silence(world: World) -> None:
    def script(line: Line) -> None:
        line.request()
        for byte in OK:
            line.send(bytes([byte]))
            time.sleep(0.04)

    assert world.before(script, seconds=1).get("/x").content == b"ok"


def test_http_1_0(world: World) -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.0 200 OK\r\n\r\nwithout a length")

    assert world.before(script).get("/x").content == b"without a length"


def test_redirects_and_their_targets_are_the_callers_affair(world: World) -> None:
    answer = world.before(b"HTTP/1.1 307 X\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n").get("/x")
    assert (answer.status_code, answer.headers["location"]) == (307, "http://elsewhere/")


def test_head(world: World) -> None:
    answer = world.before(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").client.head("/x")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "5", b"")


def test_expectations_are_met_here(world: World) -> None:
    answer = ask(world.before(OK), asked(b"POST", headers=b"Expect: 100-continue\r\nContent-Length: 2\r\n", body=b"hi"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert not any(one.startswith(b"expect") for one in world.head)


def test_an_early_answer_is_passed_on(world: World) -> None:
    def script(line: Line) -> None:
        line.socket.recv(100)
        line.send(b"HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        line.is_closed(1)

    answer = ask(world.before(script), asked(b"POST", headers=b"Content-Length: 1000000\r\n", body=b"x" * 1000))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"\r\n\r\nbig")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(headers=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), b"501"),
        (b"CONNECT other:443 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"400"),
    ],
    ids=["websocket", "connect"],
)
def test_other_protocols_are_refused(world: World, request_: bytes, status: bytes) -> None:
    assert ask(world.before(OK), request_).split()[1] == status
    assert world.seen == []


def test_a_connection_is_used_again(world: World) -> None:
    host = world.before(OK)
    assert [host.get("/x").content for _ in range(5)] == [b"ok"] * 5
    assert len(world.upstream.lines) == 1


def test_a_kept_connection_that_breaks_is_replaced_where_that_is_safe(world: World) -> None:
    def script(line: Line) -> None:
        for _ in range(2):
            world.seen.append(line.request())
            if len(world.seen) % 2 == 0:
                return  # closed without an answer
            line.send(OK)

    host = world.before(script)
    assert host.get("/x").content == b"ok"
    assert host.get("/x").content == b"ok"
    world.seen.clear()
    host = world.before(script)
    assert host.post("/x", {}).content == b"ok"
    assert host.post("/x", {}).status_code == 502
    assert len(world.seen) == 2


def test_what_comes_on_a_kept_connection_is_no_answer(world: World) -> None:
    """Some servers say 408 before they close a connection that was idle."""

    def script(line: Line) -> None:
        line.request()
        line.send(OK)
        time.sleep(0.1)
        line.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        sent.set()
        line.request()

    sent = threading.Event()
    host = world.before(script)
    assert host.post("/x", {}).content == b"ok"
    assert sent.wait(20)
    time.sleep(0.2)
    assert host.post("/x", {}).content == b"ok"


def test_a_body_that_never_comes(world: World) -> None:
    answer = ask(world.before(OK, seconds=0.2), asked(b"POST", headers=b"Content-Length: 5\r\n"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"No body came within 0.2 seconds" in answer
    assert world.seen == []


@pytest.mark.parametrize("is_trusted", [True, False])
def test_an_upstream_with_tls(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with RawUpstream(answering(OK, world.seen), tls=context) as upstream:
        host = world.serve(upstream=Upstream(url=upstream.url))
        upstream.is_ready = True
        answer = host.get("/v1/models")
    assert answer.status_code == (200 if is_trusted else 502)
    assert is_trusted or "its certificate is not trusted" in answer.text


def test_a_host_that_is_mounted_passes_on_what_is_below_it(world: World) -> None:
    host = world.before(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))  # none is kept in another event loop
    app = Starlette(routes=[Mount("/below", make_app(host.runtime))])
    with TestClient(app) as client:
        assert client.get("/below/livez").json() == {"status": "alive"}
        assert client.get("/below/v1/models").content == b"ok"
    assert world.head[0] == b"GET /v1/models HTTP/1.1"


def test_a_loop_is_refused(world: World, serve: Serve) -> None:
    inner: list[bytes] = []

    def script(line: Line) -> None:
        inner.append(line.request())
        line.send(ask(host, inner[-1].replace(b"\r\nhost", b"\r\nConnection: close\r\nhost", 1)))

    host = world.before(script)
    answer = host.get("/x")
    assert (answer.status_code, "loop" in answer.text) == (508, True)


def test_own_routes_win(world: World) -> None:
    host = world.before(OK)
    assert host.get("/v1/extensions").json()["count"] == 0
    assert host.get("/v1/extensions/none/there").status_code == 404
    assert host.get("/livez").json() == {"status": "alive"}
    assert world.seen == []
    assert host.get("/v1/models").content == b"ok"
