"""Requests and answers that no client or server should send, in front of an upstream."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from reconciler.host.upstream.address import Upstream
from reconciler.host.upstream.headers import KeyPolicy, asked_headers
from reconciler.host.web.app import make_app
from tests.host.conftest import Serve
from tests.host.raw_upstream import RawUpstream, answering
from tests.host.test_upstream import OK, World, ask, asked, world

__all__ = ["world"]

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("length", [2, 20], ids=["short", "long"])
def test_of_two_lengths_of_an_answer_the_chunks_count(world: World, length: int) -> None:
    answer = ask(world.before(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s" % (length, CHUNKED)), asked())
    assert b"content-length" not in answer.lower()
    assert answer.endswith(b"\r\n5\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"HTTP/1.1 999 X\r\n", b"the status 999, which HTTP does not have"),
        (b"HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\n", b"a control character in a header"),
        (b"HTTP/1.1 200 OK\r\nX-Odd : secret\r\n", b"is not HTTP: illegal header line"),
    ],
    ids=["status", "control", "space"],
)
def test_an_answer_that_cannot_be_sent_on_is_said_in_words(world: World, head: bytes, said: bytes) -> None:
    answer = ask(world.before(head + b"Content-Length: 2\r\n\r\nok"), asked())
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert said in answer
    assert b"bytearray" not in answer


def test_a_key_that_looks_like_a_length_does_not_unframe_a_body(world: World) -> None:
    host = world.before(OK, api_key="12")
    answer = ask(host, asked(b"POST", headers=b"X-API-Key: 12\r\nContent-Length: 12\r\n", body=b"x" * 12))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert world.seen[-1].endswith(b"\r\n\r\n" + b"x" * 12)


def test_a_request_that_names_its_id_as_hop_by_hop_gets_one() -> None:
    headers = [(b"connection", b"x-request-id"), (b"x-request-id", b"theirs")]
    assert (b"x-request-id", b"ours") in asked_headers(headers, KeyPolicy(), b"h", b"v", b"ours")


def test_trace_never_repeats_the_key_of_the_upstream(world: World) -> None:
    ask(world.before(OK, upstream_key="up"), asked(b"TRACE"))
    assert not any(b"up" in one for one in world.head)


@pytest.mark.parametrize("path", [b"/../b/v1", b"/v1/%2e%2E/../b", b"/x/..;/b", b"/x/..%2f..%2fb", b"/..\\b"], ids=str)
def test_no_path_leaves_the_address_of_the_upstream(serve: Serve, path: bytes) -> None:
    seen: list[bytes] = []
    with RawUpstream(answering(OK, seen)) as upstream:
        host = serve(upstream=Upstream(url=f"{upstream.url}/tenant-a"))
        upstream.is_ready = True
        assert ask(host, asked(target=path)).startswith(b"HTTP/1.1 400 ")
        assert ask(host, asked(target=b"/v1/a..b/...")).startswith(b"HTTP/1.1 200 ")
    assert [one.split()[1] for one in seen] == [b"/tenant-a/v1/a..b/..."]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Transfer-Encoding": "gzip, chunked"}, 501), ({"Content-Length": "5", "Upgrade": "h2c"}, 400)],
    ids=["another coding", "no body"],
)
def test_what_a_server_may_hand_over_all_the_same(world: World, headers: dict[str, str], status: int) -> None:
    """Some read no body of a request that asks for another protocol, and unpack only the last coding."""
    app = make_app(world.before(OK).runtime)
    answer = TestClient(app).post("/x", headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (status, "close")
    assert world.seen == []
