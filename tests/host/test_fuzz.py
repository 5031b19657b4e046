"""Requests that no client sends, and those that its OpenAPI document permits: they meet no bug of the host."""

from __future__ import annotations

import random
import re
import shutil
import signal
import socket
import subprocess
from typing import Final

import pytest

from tests.cli.shell import TIMEOUT_SECONDS, Session
from tests.host.raw import Process, host
from tests.host.served import extension, put_on_disk

PIECES: Final = (
    b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"TRACE", b"get", b"\x00", b" ", b"  ", b"\t", b"/", b"//", b"/..",
    b"*", b"/health", b"/v1/extensions", b"/v1/extensions/foo/execute", b"/v1/extensions/foo/x/1",
    b"/v1/extensions/%", b"/v1/extensions/%ff", b"/v1/extensions/foo/x/%2f..%2f", b"/openapi.json?a=%",
    b"http://localhost/health", b"http://", b"http://[/", b"?", b"#", b"\xff\xfe", b"HTTP/1.1", b"HTTP/1.0",
    b"HTTP/0.9", b"HTTP/2.0", b"PRI * HTTP/2.0", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"Host: localhost", b"Host: ",
    b"Host: [::1]:x", b"Host", b": x", b"Content-Length: 2", b"Content-Length: -1", b"Content-Length: 99999999999",
    b"Content-Length: 2, 2", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"2\r\n{}\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n", b"Expect: 100-continue", b"{}", b"[]", b'{"a":1,"a":2}', b"\x80", b"[" * 100,
    b"X-Forwarded-For: \xff", b"X-Request-ID: \x01", b"Origin: null", b"Origin: x", b"Connection: close",
    b"Connection: upgrade", b"Upgrade: websocket", b"Cookie: " + b"a" * 5_000, b"Content-Type: x",
)  # fmt: skip
GOOD: Final = (
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/extensions/foo/x/1?n=2 HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\r\n\r\n",
    b'POST /v1/extensions/foo/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"n": 12}',
    b"PUT /v1/extensions/bar HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n",
)
FOO: Final = (
    "inputs: [{id: n, type: number}]\nendpoints: [{path: '/x/{id}', method: GET}]\n"
    "steps: [{uses: rules.evaluate, with: {rules: [{if: 'n == 1', then: {a: '{{id}}'}}, {then: {a: '{{n}}'}}]}}]\n"
)


def mutant(chance: random.Random) -> bytes:
    """A request with a few things wrong, or nothing right."""
    if chance.random() < 0.3:
        return b"".join(chance.choices((*PIECES, b" ", b"\r\n"), k=chance.randint(1, 30)))
    data = bytearray(chance.choice(GOOD))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at:at] = chance.choice(PIECES)
            case 1:
                del data[at : at + chance.randint(1, 12)]
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                data += bytes(data[at:])
    return bytes(data)


def answers(process: Process, data: bytes) -> list[int]:
    """The status of each answer to what is sent."""
    with process.connect() as caller:
        caller.sendall(data)
        caller.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while chunk := caller.recv(65536):
                received += chunk
        except ConnectionError:
            pass
    return [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", received, re.MULTILINE)]


@pytest.mark.parametrize(
    "count", [pytest.param(100, id="some"), pytest.param(15_000, id="many", marks=pytest.mark.long)]
)
def test_broken_requests_meet_no_bug_and_leave_no_line(session: Session, count: int) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(FOO))
    with host(session, "--rate-limit", "0") as process:
        before = len(process.said)
        for seed in range(count):
            data = mutant(random.Random(seed))  # noqa: S311 - the same ones each time
            assert not [status for status in answers(process, data) if status >= 500], (seed, data)
        assert process.status() == 200
        process.running.send_signal(signal.SIGTERM)
        assert process.running.wait(TIMEOUT_SECONDS) == 0
    assert process.said[before:] == []


@pytest.mark.long
def test_requests_that_the_openapi_document_permits_fail_in_no_way_of_ours(session: Session) -> None:
    command = shutil.which("schemathesis")
    if command is None:
        pytest.skip("schemathesis is not installed; 'pip install schemathesis' does that")
    put_on_disk(session, "foo", manifest__yaml=extension(FOO))
    with host(session, "--rate-limit", "0") as process:
        arguments = ["run", f"{process.url}/openapi.json", "-c", "not_a_server_error", "--max-examples", "500"]
        tried = subprocess.run([command, *arguments], capture_output=True, text=True, cwd=session.base, check=False)
        assert tried.returncode == 0, tried.stdout
        assert not [line for line in process.said if "met a bug" in line]
