"""Strangers at the door: half a request, a forged address, another name for this host; and what the log says."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from errno import EMFILE
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from reconciler.errors import StorageError
from reconciler.host.connections import HEAD_SECONDS, ConnectionLimits, Connections
from reconciler.host.runtime import Runtime
from reconciler.host.server import GRACE_SECONDS, Address, Reported, listen, make_server, serve_with
from reconciler.host.startup import start
from reconciler.host.web.access import MAX_CALLERS, RateLimit
from reconciler.host.web.addresses import caller, counted_as, is_own, networks
from reconciler.host.web.app import make_app
from tests.cli.shell import TIMEOUT_SECONDS, Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.raw import Process, host, until
from tests.host.served import extension, put_on_disk, settings_for
from tests.support.promised import promised

HALF = b"GET / HTTP/1.1\r\n"
CHAT = "steps: [{uses: llm.chat, with: {prompt: p}}]\n"


def test_row_125_half_open_connections_do_not_keep_others_out(session: Session) -> None:
    with host(session, descriptors=128) as process, ExitStack() as callers:
        _half_open(process, callers, 200)
        waited = []
        for _ in range(10):
            asked = time.monotonic()
            assert process.status() == 200
            waited.append(time.monotonic() - asked)
        assert statistics.median(waited) < HEAD_SECONDS / 2
    assert len([line for line in process.said if "have to wait" in line]) <= 1
    assert not any("Traceback" in line for line in process.said)


@pytest.mark.long
def test_row_125_all_are_closed_after_the_deadline(session: Session) -> None:
    with host(session, descriptors=128) as process, ExitStack() as callers:
        start = time.monotonic()
        sockets = _half_open(process, callers, 200)
        assert until(lambda: all(_is_closed(each) for each in sockets))
        assert time.monotonic() - start < HEAD_SECONDS + 5
        assert process.status() == 200


def _half_open(process: Process, callers: ExitStack, count: int) -> list[socket.socket]:
    sockets = [callers.enter_context(process.connect()) for _ in range(count)]
    for each in sockets:
        _sends(each, HALF)  # some have made room for another one already
    return sockets


def _sends(caller: socket.socket, data: bytes) -> bool:
    try:
        caller.sendall(data)
    except OSError:
        return False
    return True


def _is_closed(caller: socket.socket) -> bool:
    caller.setblocking(False)
    try:
        return caller.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.fixture
def hasty(session: Session) -> Iterator[int]:
    """The port of a host that waits a second for a head."""
    runtime = Runtime(settings_for(session))
    start(runtime, migrates=False)
    server = make_server(make_app(runtime), ConnectionLimits(head_seconds=1))
    with listen(Address(host="127.0.0.1", port=0)) as listener, ThreadPoolExecutor(1) as thread:
        ended = thread.submit(asyncio.run, serve_with(server, runtime, listener))
        yield listener.getsockname()[1]
        server.should_exit = True
        ended.result(20)


@promised(2)
def test_row_125_a_head_that_drips_or_never_ends_is_cut_off(hasty: int, most: float) -> None:
    with (
        socket.create_connection(("127.0.0.1", hasty)) as drips,
        socket.create_connection(("127.0.0.1", hasty)) as more,
    ):
        drips.sendall(HALF)
        started = time.monotonic()
        assert until(lambda: not _sends(drips, b"a"))
        assert 0.9 < time.monotonic() - started < most
        assert until(lambda: not _sends(more, b"a: " + b"x" * 10_000 + b"\r\n"))


def test_an_idle_connection_that_begins_a_second_request_is_cut_off_too(hasty: int) -> None:
    with socket.create_connection(("127.0.0.1", hasty)) as caller:
        caller.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 ")
        caller.sendall(HALF)
        caller.settimeout(30)
        while caller.recv(65536):
            pass


class Fake:
    """A connection of which only what the table needs is there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_ended = False

    def end(self) -> None:
        self.is_ended = True


def entered(table: Connections, address: str) -> tuple[Any, bool]:
    connection: Any = Fake(address)
    return connection, table.entered(connection, address)


def test_the_one_that_waits_longest_makes_room() -> None:
    async def check() -> None:
        table = Connections(ConnectionLimits(total=3, per_address=2, trusted=networks(["10.0.0.9"])))
        (first, _), (second, _) = entered(table, "10.0.0.1"), entered(table, "10.0.0.1")
        third, is_in = entered(table, "10.0.0.1")
        assert (first.is_ended, second.is_ended, is_in) == (True, False, True)
        table.left(first, "10.0.0.1")
        table.works(second)
        table.works(third)
        assert not entered(table, "10.0.0.1")[1]  # nothing of that address waits
        table.left(third, "10.0.0.1")
        other, is_in = entered(table, "10.0.0.2")
        assert (is_in, other.is_ended) == (True, False)
        assert entered(table, "10.0.0.3")[1]
        assert other.is_ended

    asyncio.run(check())


def test_a_trusted_proxy_may_have_all_connections() -> None:
    async def check() -> None:
        table = Connections(ConnectionLimits(total=3, per_address=1, trusted=networks(["10.0.0.9"])))
        found = [entered(table, "10.0.0.9") for _ in range(3)]
        assert [one.is_ended for one, _ in found] == [False] * 3

    asyncio.run(check())


def test_no_free_descriptor_is_said_once_a_minute() -> None:
    told: list[str] = []
    now = [100.0]
    report = Reported(told.append, lambda: now[0])
    for seconds in (0, 1, 30, 59, 60, 61):
        now[0] = 100.0 + seconds
        report(None, {"message": "socket.accept()", "exception": OSError(EMFILE, "Too many open files")})  # type: ignore[arg-type]
    assert len(told) == 2
    report(None, {"exception": ConnectionResetError()})  # type: ignore[arg-type]
    assert len(told) == 2


# Row 126: addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("9.9.9.9", ["8.8.8.8"], "9.9.9.9"),
        ("10.0.0.1", ["8.8.8.8"], "8.8.8.8"),
        ("10.0.0.1", ["1.1.1.1, 8.8.8.8"], "8.8.8.8"),
        ("10.0.0.1", ["1.1.1.1", "8.8.8.8, 10.0.0.7"], "8.8.8.8"),
        ("10.0.0.1", ["8.8.8.8 I am somebody else"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:9.9.9.9", [], "9.9.9.9"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("", [], "unknown"),
    ],
    ids=str,
)
def test_row_126_an_address_counts_where_a_trusted_proxy_says_so(peer: str, forwarded: Any, expected: str) -> None:
    assert caller(peer, forwarded, networks(["10.0.0.0/8"])) == expected


def test_row_126_nobody_elses_header_is_believed(session: Session, serve: Serve) -> None:
    text = "hooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    served = serve(rate=5)
    forged = [{"X-Forwarded-For": f"10.0.{number}.1", "Forwarded": "for=1.2.3.4"} for number in range(40)]
    found = [served.get("/v1/extensions", headers=one).status_code for one in forged]
    assert found.count(429) > 20
    served.hooks_done()
    logs = "".join(path.read_text() for path in session.installed("audit", "var/audit").glob("*.jsonl"))
    assert {json.loads(line)["ip"] for line in logs.splitlines()} == {"127.0.0.1"}


def test_row_126_a_trusted_proxys_callers_count_one_by_one(session: Session, serve: Serve) -> None:
    served = serve(rate=1, trusted_proxies=("127.0.0.0/8",))
    found = [served.get("/v1/extensions", headers={"X-Forwarded-For": f"9.9.9.{n}"}).status_code for n in range(9)]
    assert set(found) == {200}


def test_row_126_the_table_of_callers_is_bounded() -> None:
    limit = RateLimit(1, clock=lambda: 1.0)
    assert all(limit.takes(str(number)) for number in range(3 * MAX_CALLERS))
    assert len(limit._seen) == MAX_CALLERS
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff") != counted_as("2001:db8:0:1::1")


def test_so_many_requests_in_any_second() -> None:
    now = [0.0]
    limit = RateLimit(2, clock=lambda: now[0])
    found = []
    for seconds in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5):
        now[0] = seconds
        found.append(limit.takes("a"))
    assert found == [True, True, False, True, False, True]


# Row 127: names


@pytest.mark.parametrize("api_key", [None, "k3y"])
@pytest.mark.parametrize("path", ["/health", "/v1/extensions", "/v1/extensions/foo/open", "/nothing"])
def test_row_127_a_foreign_name_or_page_is_refused_with_and_without_a_key(
    session: Session, serve: Serve, api_key: str | None, path: str
) -> None:
    text = "endpoints: [{path: /open, method: GET, requires_auth: false}]\nsteps: [{uses: rules.evaluate}]\n"
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    served = serve(local_only=True, api_key=api_key)
    key = {"X-API-Key": "k3y"}
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = served.get(path, headers={**key, **headers})
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "invalid_request_error"), headers
    assert served.get(path, headers=key).status_code != 403


def test_row_127_a_name_can_be_allowed(session: Session, serve: Serve) -> None:
    served = serve(local_only=True, allowed_hosts=("Desk.Example",))
    for headers in ({"Host": "desk.example:80"}, {"Origin": "https://desk.example"}, {"Host": "DESK.example"}):
        assert served.get("/v1/extensions", headers=headers).status_code == 200
    assert served.get("/v1/extensions", headers={"Host": "x.desk.example"}).status_code == 403


def test_a_host_for_other_machines_checks_names_where_one_is_allowed(session: Session, serve: Serve) -> None:
    served = serve(local_only=False, allowed_hosts=("desk.example",))
    assert served.get("/v1/extensions", headers={"Host": "192.168.1.9"}).status_code == 200
    assert served.get("/v1/extensions", headers={"Host": "evil.example"}).status_code == 403
    assert served.get("/v1/extensions", headers={"Origin": "http://192.168.1.9"}).status_code == 403


@pytest.mark.parametrize(
    "name", ["//localhost@evil.example", "//evil@localhost", "//localhost:x", "//", "//127.0.0.1.x"]
)
def test_names_that_only_look_like_this_machine(name: str) -> None:
    assert not is_own(name, frozenset())


# Row 129, and what else a gateway's users expect


TARGETS = [
    ("http://127.0.0.1/v1/extensions", "127.0.0.1", 200),
    ("HTTP://LOCALHOST:1/v1/extensions?x=1", "localhost", 200),
    ("http://localhost", "localhost", 404),
    ("http://localhost?x=1", "localhost", 404),
    ("http://evil.example/v1/extensions", "localhost", 403),
    ("/http://127.0.0.1/v1/extensions", "localhost", 404),
]


def test_row_129_a_target_may_name_the_host(session: Session) -> None:
    with host(session) as process:
        for target, name, status in TARGETS:
            answer = process.ask(f"GET {target} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert int(answer.split()[1]) == status, (target, answer)


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("abc-1", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("a b", False),
        ("é", False),
        ("", False),
        ("a\tb", False),
    ],
    ids=["plain", "long", "too long", "blank", "not ascii", "empty", "tab"],
)
def test_a_callers_request_id_is_echoed_logged_and_handed_on(
    session: Session, serve: Serve, model: ModelServer, given: str, is_taken: bool
) -> None:
    text = "hooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(text, name="audit", kind="middleware"))
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    served = serve()
    headers: Any = {b"X-Request-ID": given.encode()}
    found = served.post("/v1/extensions/foo/execute", {}, headers=headers).headers["x-request-id"]
    assert (found == given) is is_taken
    assert model.seen_headers[-1]["x-request-id"] == found
    served.hooks_done()
    log = next(session.installed("audit", "var/audit").glob("*.jsonl")).read_text()
    assert json.loads(log)["request_id"] == found
    missing = served.get("/v1/extensions/nope", headers=headers)
    assert missing.json()["error"]["request_id"] == missing.headers["x-request-id"]
    assert (missing.headers["x-request-id"] == given) is is_taken
    assert (served.get("/nothing", headers=headers).headers["x-request-id"] == given) is is_taken


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("GET", "/health/", 301, "/health"),
        ("GET", "/v1/extensions/?a=b%2F", 301, "/v1/extensions?a=b%2F"),
        ("GET", "/v1/extensions/foo/", 301, "/v1/extensions/foo"),
        ("PUT", "/v1/extensions/foo/", 307, "/v1/extensions/foo"),
        ("POST", "/v1/extensions/foo/execute/", 307, "/v1/extensions/foo/execute"),
        ("POST", "/v1/extensions/refresh//", 307, "/v1/extensions/refresh"),
        ("GET", "/nothing/", 404, None),
        ("GET", "//evil.example/", 404, None),
        ("POST", "/health/", 404, None),
    ],
)
def test_a_slash_at_the_end_is_redirected(
    session: Session, serve: Serve, method: str, path: str, status: int, location: str | None
) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    answer = serve().client.request(method, path)
    assert (answer.status_code, answer.headers.get("location")) == (status, location)
    assert answer.headers["x-request-id"]


def test_near_names_of_what_is_not_there(session: Session, serve: Serve) -> None:
    text = "endpoints: [{path: /hooks/new, method: POST}]\n" + CHAT
    put_on_disk(session, "greeter", manifest__yaml=extension(text, name="greeter"))
    served = serve()

    def said(method: str, path: str) -> Any:
        return served.client.request(method, path).json()["error"]["message"]

    assert said("GET", "/v1/extensions/greter") == "Extension not found; did you mean 'greeter'?"
    assert said("POST", "/v1/extensions/greter/execute") == "Extension not found; did you mean 'greeter'?"
    assert said("POST", "/v1/extensions/greeter/hook/new") == "Endpoint not found; did you mean 'POST /hooks/new'?"
    assert said("GET", "/v1/extensions/other") == "Extension not found"


# Noise, latency, signals, TLS


def test_broken_clients_leave_no_line_in_the_log(session: Session) -> None:
    with host(session) as process:
        before = len(process.said)
        for data in (
            b"\x16\x03\x01\x02\x00",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /v1/extensions/x/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{}",
            b"POST /v1/extensions/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST /v1/extensions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab\r\n\r\nGET / HTTP/1.1\r\n",
            b"GET /v1/extensions HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        ):
            with process.connect() as caller:
                caller.sendall(data)
                caller.shutdown(socket.SHUT_WR)
                caller.settimeout(HEAD_SECONDS - 1)
                while caller.recv(65536):
                    pass
        assert process.status() == 200
        process.running.send_signal(signal.SIGTERM)
        assert process.running.wait(TIMEOUT_SECONDS) == 0
    assert process.said[before:] == []


def test_the_list_is_encoded_once_for_each_snapshot(session: Session, serve: Serve) -> None:
    host = serve()
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    for path in ("/v1/extensions", "/v1/agentic-modules", "/openapi.json"):
        assert host.get(path).content == host.get(path).content
    assert host.names == []
    host.refresh()
    assert host.names == ["foo"]
    assert "/v1/extensions/foo/execute" in host.get("/openapi.json").json()["paths"]


def test_an_answer_is_sent_at_once() -> None:
    """Small parts do not wait 40 ms for what acknowledges the last one. The wait is a row of the benchmark."""
    seen: list[int] = []

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def scenario(listener: socket.socket) -> None:
        async with await asyncio.start_server(look, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            assert await reader.read() == b""
            writer.close()

    with listen(Address(host="127.0.0.1", port=0)) as listener:
        asyncio.run(scenario(listener))
    assert [bool(one) for one in seen] == [True]


def _refuses(process: Process) -> bool:
    try:
        process.connect().close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["TERM", "INT"])
def test_a_second_signal_ends_it_at_once(session: Session, model: ModelServer, number: int, code: int) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    model.pause = threading.Event()
    with host(session, "--llm-url", model.url) as process, process.connect() as caller:
        caller.sendall(b"POST /v1/extensions/foo/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        assert until(lambda: bool(model.asked))
        process.running.send_signal(number)
        assert until(lambda: _refuses(process))
        assert process.running.poll() is None
        start = time.monotonic()
        process.running.send_signal(number)
        assert process.running.wait(TIMEOUT_SECONDS) == code
        assert time.monotonic() - start < GRACE_SECONDS / 2
        model.pause.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_ends_it_whatever_it_computes(session: Session, number: int) -> None:
    text = (
        "guardrails: [{type: max_execution_time, value: 3s}]\n"
        'steps: [{uses: rules.evaluate, with: {rules: [{if: "(x * 20000) == (y * 20000)", then: {a: 1}}]}}]\n'
    )
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    body = json.dumps({"x": [[0] * 5_000], "y": [[0] * 4_999 + [1]]}).encode()
    head = b"POST /v1/extensions/foo/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    with host(session) as process, process.connect() as caller:
        caller.sendall(head + body)
        time.sleep(0.5)
        assert process.status() == 200
        process.running.send_signal(number)
        assert process.running.wait(20) == (0 if number == signal.SIGTERM else 130)


@pytest.fixture
def https(session: Session, tmp_path: Path) -> ssl.SSLContext:
    """What a client of a host with these variables trusts."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    session.variables |= {
        "TLS_ENABLED": "true",
        "TLS_CERT_FILE": str(tmp_path / "cert.pem"),
        "TLS_KEY_FILE": str(tmp_path / "key.pem"),
    }
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_it_serves_https(session: Session, https: ssl.SSLContext) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    with host(session) as process, httpx2.Client(trust_env=False, verify=https, base_url=process.url) as client:
        assert process.url.startswith("https://")
        assert [client.get("/v1/extensions").json()["count"] for _ in range(3)] == [1] * 3
        assert client.put("/v1/extensions/foo", content=b"#" * 900_000).status_code == 400
        with process.connect() as caller:
            caller.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")  # not encrypted
            assert b"200" not in caller.recv(65536)
        start = time.monotonic()
        process.running.send_signal(signal.SIGTERM)
        assert process.running.wait(TIMEOUT_SECONDS) == 0
        assert time.monotonic() - start < GRACE_SECONDS / 2  # the client's connection is still open
    assert len(process.said) == 3


def test_row_125_those_who_never_greet_do_not_keep_others_out(session: Session, https: ssl.SSLContext) -> None:
    with host(session, descriptors=128) as process, ExitStack() as callers:
        sockets = [callers.enter_context(process.connect()) for _ in range(200)]
        waited = []
        for _ in range(5):
            asked = time.monotonic()
            with httpx2.Client(trust_env=False, verify=https) as client:
                assert client.get(f"{process.url}/v1/extensions").status_code == 200
            waited.append(time.monotonic() - asked)
        assert statistics.median(waited) < HEAD_SECONDS / 2
        assert sum(map(_is_closed, sockets)) > 100


@pytest.mark.parametrize("name", ["192.0.2.1", "not a name"])
def test_an_address_of_another_machine_is_not_said_to_be_in_use(name: str) -> None:
    with pytest.raises(StorageError) as caught:
        listen(Address(host=name, port=0))
    assert caught.value.advice == "name an address of this machine with --host"
