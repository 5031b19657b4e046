"""Hooks on chat: what they write of what passes, what they did not read, and that they hold up nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import pytest

from reconciler.host.beside import MAX_BESIDE, Beside
from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.run import RunLimits
from reconciler.host.upstream.kept import MAX_KEPT_BYTES
from tests.cli.shell import Session
from tests.host.raw_upstream import SECONDS, Line, until
from tests.host.served import extension, put_on_disk
from tests.host.test_upstream import OK, World, ask, asked, connect, world

__all__ = ["world"]

AUDIT = """\
config:
  redact: [{path: "$.messages[*].content"}]
hooks: [{on: http.request, match: {path_prefix: /v1/chat/}, action: audit.log}]
"""
USAGE = "outputs: [{id: r, type: file, path: ./output/u.json}]\nhooks: [{on: llm.response, action: usage.track}]\n"
CHAT = "/v1/chat/completions"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "private"}]}
COUNTED = {"model": "m1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
EMPTY = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
JSON = b"Content-Type: application/json\r\n"
EVENTS = b"Content-Type: text/event-stream\r\n"


@pytest.fixture
def hooked(session: Session, world: World) -> World:
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    put_on_disk(session, "usage", manifest__yaml=extension(USAGE, name="usage", kind="observer"))
    return world


def requests(session: Session, count: int = 1) -> list[Any]:
    def found() -> list[Any]:
        logs = sorted(session.installed("audit", "var/audit").glob("audit-*.jsonl"))
        return [json.loads(line) for log in logs for line in log.read_text().splitlines()]

    assert until(lambda: len(found()) >= count)
    return found()


def answers(session: Session, count: int = 1) -> list[Any]:
    file = session.installed("usage", "output/u.json")
    assert until(lambda: file.exists() and len(json.loads(file.read_text() or "[]")) >= count)
    rows: list[Any] = json.loads(file.read_text())
    return rows


def answer(body: bytes, headers: bytes = JSON) -> bytes:
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (headers, len(body), body)


def stream(*events: object) -> bytes:
    return b"".join(b"data: %s\n\n" % (one if isinstance(one, bytes) else json.dumps(one).encode()) for one in events)


def test_a_request_and_its_answer_are_recorded(session: Session, hooked: World) -> None:
    host = hooked.before(answer(json.dumps(COUNTED).encode()))
    given = host.post(CHAT, ASKED)
    assert given.json() == COUNTED
    row, counted = requests(session)[0], answers(session)[0]
    assert (row["method"], row["path"], row["read"]) == ("POST", CHAT, "read")
    assert row["body"] == {"model": "m", "messages": [{"role": "user", "content": "[redacted]"}]}
    assert row["request_id"] == counted["request_id"] == given.headers["x-request-id"]
    assert {name: counted[name] for name in ("model", "read", *EMPTY)} == {
        "model": "m1",
        "read": "read",
        **COUNTED["usage"],  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("events", [3, 2_000], ids=["short", "long"])
def test_a_stream_is_counted_at_its_end(session: Session, hooked: World, events: int) -> None:
    part = {"model": "m1", "choices": [{"delta": {"content": "a word and more of them"}}], "usage": None}
    body = stream(*[part] * events, COUNTED, b"[DONE]")
    host = hooked.before(answer(body, EVENTS))
    assert host.post(CHAT, ASKED).content == body
    row = answers(session)[0]
    assert (row["model"], row["total_tokens"], row["read"]) == ("m1", 7, "read")


def test_a_stream_that_counts_nothing_is_read_and_has_no_count(session: Session, hooked: World) -> None:
    hooked.before(answer(stream({"model": "m1"}, b"[DONE]"), EVENTS)).post(CHAT, ASKED)
    row = answers(session)[0]
    assert {name: row[name] for name in ("model", "read", *EMPTY)} == {"model": "m1", "read": "read", **EMPTY}


@pytest.mark.parametrize(
    ("packing", "body", "read"),
    [
        (b"gzip", gzip.compress(json.dumps(COUNTED).encode()), "read"),
        (b"deflate", zlib.compress(json.dumps(COUNTED).encode()), "read"),
        (b"gzip", b"no gzip", "unreadable"),
        (b"br", b"packed some other way", "unreadable"),
        (b"gzip", gzip.compress(b" " * 8 * 2**20), "partial"),
        (b"identity", b"no JSON", "unreadable"),
        (b"identity", b"[" * 100_000, "unreadable"),
        (b"identity", b" " * (MAX_KEPT_BYTES + 1), "partial"),
    ],
    ids=["gzip", "deflate", "broken", "br", "bomb", "text", "deep", "long"],
)
def test_what_cannot_be_read_is_passed_and_said(
    session: Session, hooked: World, packing: bytes, body: bytes, read: str
) -> None:
    host = hooked.before(answer(body, JSON + b"Content-Encoding: " + packing + b"\r\n"))
    assert ask(host, asked(b"POST", CHAT.encode())).endswith(b"\r\n\r\n" + body)
    row = answers(session)[0]
    assert (row["read"], row["total_tokens"]) == (read, 7 if read == "read" else None)


@pytest.mark.parametrize(
    ("headers", "body", "read"),
    [
        (b"", b"no JSON", "unreadable"),
        (b"Content-Encoding: br\r\n", b"{}", "unreadable"),
        (b"", b" " * (MAX_KEPT_BYTES + 1), "partial"),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b'{"a": 1}'), "read"),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b'{"a":') + gzip.compress(b" 1}"), "read"),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b"{}") + b"more", "unreadable"),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b"{}") + gzip.compress(b" ") * 1_000, "unreadable"),
        (b"Content-Encoding: deflate\r\n", zlib.compress(b"{}") + zlib.compress(b" "), "unreadable"),
    ],
    ids=["text", "br", "long", "gzip", "pieces", "junk", "too many pieces", "deflate"],
)
def test_what_cannot_be_read_of_a_request_is_said(
    session: Session, hooked: World, headers: bytes, body: bytes, read: str
) -> None:
    ask(hooked.before(OK), asked(b"POST", CHAT.encode(), b"%sContent-Length: %d\r\n" % (headers, len(body)), body))
    assert hooked.seen[0].endswith(body)
    row = requests(session)[0]
    assert (row["read"], row.get("body")) == (read, {"a": 1} if read == "read" else None)


def test_a_caller_who_leaves_is_recorded_as_far_as_it_went(session: Session, hooked: World) -> None:
    with connect(hooked.before(OK)) as caller:
        caller.sendall(asked(b"POST", CHAT.encode(), b"Content-Length: 100\r\n", b'{"messages"'))
        time.sleep(0.1)
    assert requests(session)[0]["read"] == "partial"


def test_an_answer_that_is_cut_is_recorded_as_partial(session: Session, hooked: World) -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(answer(stream({"model": "m1"}) + b"data: {", EVENTS).replace(b"Length: ", b"Length: 1"))

    ask(hooked.before(script), asked(b"POST", CHAT.encode()))
    row = answers(session)[0]
    assert (row["model"], row["read"]) == ("m1", "partial")


@pytest.mark.parametrize(
    "path", ["/v1//chat/completions", "/v1/./chat/completions", "/v1/chat/completions/", "/v1/chat%2fcompletions"]
)
def test_no_spelling_of_a_path_hides_a_request(session: Session, hooked: World, path: str) -> None:
    ask(hooked.before(answer(json.dumps(COUNTED).encode())), asked(b"POST", path.encode()))
    assert hooked.head[0] == f"POST {path} HTTP/1.1".encode()
    assert requests(session)[0]["path"] == CHAT
    assert answers(session)[0]["read"] == "read"


def test_errors_are_no_answers_of_a_model(session: Session, hooked: World) -> None:
    host = hooked.before(OK.replace(b"200 OK", b"500 X"))
    assert host.post(CHAT, ASKED).status_code == 500
    assert requests(session)[0]["read"] == "read"
    host.hooks_done()
    assert not session.installed("usage", "output/u.json").exists()


def test_a_hook_that_hangs_holds_up_nothing(session: Session, hooked: World) -> None:
    host = hooked.before(answer(stream(COUNTED, b"[DONE]"), EVENTS), limits=RunLimits(hook=0.3))
    runtime = host.runtime
    files_of = runtime.hooks.files_of

    class Slow:
        limit = 2**20

        def append(self, *_arguments: object) -> None:
            released.wait(SECONDS)

        read = write = append

    released = threading.Event()
    runtime.hooks = replace(runtime.hooks, files_of=lambda _: cast(ItemFiles, Slow()))
    start = time.monotonic()
    assert host.post(CHAT, ASKED).content.endswith(b"data: [DONE]\n\n")
    assert time.monotonic() - start < SECONDS / 2
    assert until(lambda: sum("took longer than 0.3 seconds" in line for line in host.told) == 2)
    released.set()
    runtime.hooks = replace(runtime.hooks, files_of=files_of)


def test_a_hook_that_fails_is_told_once_and_harms_nothing(session: Session, hooked: World) -> None:
    host = hooked.before(answer(json.dumps(COUNTED).encode()))
    session.installed("audit", "var").mkdir()
    session.installed("audit", "var/audit").write_text("in the way")
    assert [host.post(CHAT, ASKED).json() for _ in range(3)] == [COUNTED] * 3
    assert until(lambda: any("http.request of audit failed" in line for line in host.told))
    answers(session, 3)
    assert sum("http.request of audit failed" in line for line in host.told) == 1


def test_answers_that_come_at_once_are_all_counted(session: Session, hooked: World) -> None:
    host = hooked.before(answer(json.dumps(COUNTED).encode()))
    with ThreadPoolExecutor(8) as callers:
        given = [one.headers["x-request-id"] for one in callers.map(lambda _: host.post(CHAT, ASKED), range(40))]
    rows = answers(session, 40)
    assert sorted(row["request_id"] for row in rows) == sorted(given)


def test_records_do_not_pile_up() -> None:
    told: list[str] = []
    done: list[int] = []

    async def fill() -> None:
        beside, go = Beside(told.append, seconds=1), asyncio.Event()

        async def work() -> None:
            await go.wait()
            done.append(1)

        for _ in range(MAX_BESIDE + 5):
            beside.begin(work)
        go.set()
        await beside.close()

    asyncio.run(fill())
    assert len(done) == MAX_BESIDE
    assert len(told) == 1


def test_under_load_all_is_still_recorded(session: Session, hooked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.host.beside.MUCH_BESIDE", 0)
    hooked.before(OK).post(CHAT, ASKED)
    row = requests(session)[0]
    assert (row["path"], row["read"], row.get("body")) == (CHAT, "unreadable", None)
    assert answers(session)[0]["read"] == "unreadable"


def test_what_hooks_cannot_read_is_named(session: Session, hooked: World) -> None:
    host = hooked.before(OK)
    line = "usage: its hook llm.response reads the answers of /v1/chat/completions and /v1/completions, and none of"
    assert any(one.startswith(line) for one in host.told)
    assert host.get("/health").json()["unread"][0].startswith(line)
    rows = {row["name"]: row for row in host.get("/v1/extensions").json()["extensions"]}
    assert rows["usage"]["unread"][0].startswith(line.removeprefix("usage: "))
    assert "unread" not in rows["audit"]
