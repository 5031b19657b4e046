"""Requests and answers by the dice: what comes out is what went in, but for the table in docs/upstream.md."""

from __future__ import annotations

import os
from dataclasses import dataclass
from random import Random

import pytest

from tests.host.raw_upstream import Line
from tests.host.test_upstream import World, ask, world

__all__ = ["world"]

KEY, UPSTREAM_KEY = "our-key-that-stays-here", "the-upstreams-own"
PASSED = [
    "/v1/chat/completions",
    "/v1/models",
    "/v1/system/info",
    "/v1/system/hardware",
    "/v1/system/models",
    "/v1/system/health",
    "/v1/system/config",
    "/v1/system/memory",
    "/v1/hardware/recommendations",
    "/v1/mcp/servers",
    "/v1/mcp/servers/health",
    "/v1/mcp/servers/files",
    "/v1/mcp/servers/files/tools",
    "/v1/mcp/servers/files/refresh",
    "/v1/mcp/execute",
    "/v1/embeddings",
    "/api/chat",
    "/api/tags",
    "/",
    "/v1",
    "/v1/unknown/%2F%00%e4/..;/x",
    "/a//b/./c",
    "/%7Euser/*",
]
OWN = [
    "/health",
    "/livez",
    "/readyz",
    "/v1/extensions",
    "/v1/extensions/none",
    "/v1/agentic-modules",
    "/openapi.json",
    "/ui/",
]
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"HEAD", b"PROPFIND"]
ENDED = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
"""With the connection, in both directions."""
ONLY_ASKED = ENDED | {b"host", b"expect", b"proxy-authorization", b"authorization", b"x-api-key"}
NAMES = [
    b"X-One",
    b"x-two",
    b"ACCEPT",
    b"Accept-Encoding",
    b"Cookie",
    b"User-Agent",
    b"X-Forwarded-For",
    b"TE",
    b"Keep-Alive",
]
ANSWER_NAMES = [
    b"Set-Cookie",
    b"set-cookie",
    b"ETag",
    b"X-One",
    b"Content-Type",
    b"Cache-Control",
    b"Keep-Alive",
    b"Date",
    b"Server",
]
Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Message:
    """Head and body as they are on the wire, and what they mean."""

    first: bytes
    headers: Pairs
    body: bytes
    is_chunked: bool

    @property
    def raw(self) -> bytes:
        lines = [self.first, *(b"%s: %s" % pair for pair in self.headers)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + (chunks(self.body) if self.is_chunked else self.body)


def chunks(body: bytes) -> bytes:
    sizes = Random(len(body))  # noqa: S311 - of tests
    parts = []
    while body:
        size = sizes.randint(1, 1 + len(body))
        parts.append(b"%x\r\n%s\r\n" % (len(body[:size]), body[:size]))
        body = body[size:]
    return b"".join(parts) + b"0\r\n\r\n"


def value(dice: Random) -> bytes:
    return bytes(dice.choices(b"abcXYZ019 ,;=\"'()\\/%\xe4\xff\t-_", k=dice.randint(1, 20))).strip() or b"-"


def body_of(dice: Random) -> bytes:
    return dice.randbytes(dice.choice([0, 1, 100, 70_000])) if dice.random() < 0.7 else b""


def request_of(number: int, seed: str) -> Message:
    dice = Random(f"{seed} {number}")  # noqa: S311 - of tests
    method, path = dice.choice(METHODS), dice.choice([*PASSED, *PASSED, *OWN])
    query = b"?" + bytes(dice.choices(b"ab=&%2f+;/?:@", k=dice.randint(1, 20))) if dice.random() < 0.5 else b""
    has_body = method in (b"POST", b"PUT", b"PATCH", b"PROPFIND")
    body, is_chunked = (body_of(dice), dice.random() < 0.3) if has_body else (b"", False)
    headers: Pairs = [(dice.choice(NAMES), value(dice)) for _ in range(dice.randint(0, 8))]
    shown = (b"X-API-Key", KEY.encode()) if dice.random() < 0.5 else (b"Authorization", f"Bearer {KEY}".encode())
    framing = (b"Transfer-Encoding", b"chunked") if is_chunked else (b"Content-Length", b"%d" % len(body))
    more: Pairs = [(b"X-Request-ID", b"id-%d" % number)] if dice.random() < 0.5 else []
    headers += [
        shown,
        *more,
        *([framing] if has_body else []),
        (b"Host", b"127.0.0.1"),
        (b"Connection", b"close, X-One"),
    ]
    dice.shuffle(headers)
    headers.append((b"X-Case", b"%d" % number))
    return Message(b"%s %s%s HTTP/1.1" % (method, path.encode(), query), headers, body, is_chunked)


def answer_of(number: int, seed: str, method: bytes) -> Message:
    dice = Random(f"answer {seed} {number}")  # noqa: S311 - of tests
    status = dice.choice([200, 200, 201, 206, 301, 307, 400, 401, 404, 418, 429, 500, 503])
    body, is_chunked = body_of(dice) if method != b"HEAD" else b"", dice.random() < 0.5 and method != b"HEAD"
    headers: Pairs = [(dice.choice(ANSWER_NAMES), value(dice)) for _ in range(dice.randint(0, 8))]
    headers.append((b"Transfer-Encoding", b"chunked") if is_chunked else (b"Content-Length", b"%d" % len(body)))
    dice.shuffle(headers)
    return Message(b"HTTP/1.1 %d Whatever" % status, headers, body, is_chunked)


def parsed(raw: bytes) -> tuple[bytes, Pairs, bytes]:
    """First line, headers in lower case, and the body without its framing."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    pairs = [(name.lower(), text.strip(b" \t")) for name, _, text in (line.partition(b":") for line in lines)]
    if (b"transfer-encoding", b"chunked") in pairs:
        body = whole(body)
    return first, pairs, body


def whole(body: bytes) -> bytes:
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        found, body = found + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        if int(size, 16) == 0:
            return found
    return found


def without(pairs: Pairs, names: set[bytes]) -> Pairs:
    return [(name.lower(), text) for name, text in pairs if name.lower() not in names]


def check_asked(sent: Message, seen: bytes) -> None:
    assert KEY.encode() not in seen
    first, headers, body = parsed(seen)
    assert (first, body) == (sent.first, sent.body)
    ours = {b"via", b"x-request-id"} - {name.lower() for name, _ in sent.headers}
    expected = without(sent.headers, ONLY_ASKED | {b"x-one"})
    assert without(headers, ONLY_ASKED | ours) == expected
    assert (b"authorization", f"Bearer {UPSTREAM_KEY}".encode()) in headers
    names = [name for name, _ in headers]
    assert (
        names.count(b"host")
        == names.count(b"via")
        == names.count(b"authorization")
        == names.count(b"x-request-id")
        == 1
    )


def check_answered(sent: Message, got: bytes, method: bytes) -> None:
    first, headers, body = parsed(got)
    assert first.split()[1] == sent.first.split()[1]
    assert body == sent.body
    ours = {b"x-request-id", b"date"} - {name.lower() for name, _ in sent.headers}
    expected = without(sent.headers, ENDED)
    assert without(headers, ENDED | ours) == expected
    assert KEY.encode() not in got
    assert UPSTREAM_KEY.encode() not in got


def tried(world: World, count: int, seed: str) -> None:
    seen: dict[int, bytes] = {}

    def script(line: Line) -> None:
        while request := line.request():
            number = int(dict(parsed(request)[1]).get(b"x-case", b"-1"))  # the host looks after its upstream, too
            seen[number] = request
            line.send(answer_of(number, seed, request.partition(b" ")[0]).raw)

    host = world.before(script, api_key=KEY, upstream_key=UPSTREAM_KEY)
    for number in range(count):
        sent = request_of(number, seed)
        method, target, _ = sent.first.split()
        got = ask(host, sent.raw)
        if target.partition(b"?")[0].decode() in OWN:
            assert number not in seen
            assert got.startswith(b"HTTP/1.1 ")
            continue
        check_asked(sent, seen[number])
        check_answered(answer_of(number, seed, method), got, method)


def test_some_requests_over_all_routes(world: World) -> None:
    tried(world, 300, "some")


@pytest.mark.long
def test_10_000_requests_over_all_routes(world: World) -> None:
    tried(world, 10_000, os.environ.get("SEED", "many"))
