"""Tool servers that steps call: real ones, over each transport, and what is left of them; and those that lie."""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.documents.yaml import text as yaml_text
from reconciler.gateway.call import Gateway
from reconciler.gateway.tool_servers import read_tools
from reconciler.host.engine.run import ToolReply, ToolRequest
from reconciler.host.errors import RunTimeoutError, ToolError
from reconciler.host.mcp import client, one_server, stdio
from reconciler.host.mcp.definitions import ToolSettings, tool_settings
from reconciler.host.mcp.servers import ToolServers
from reconciler.host.secrets import MASK
from reconciler.model.config import JsonObject
from tests.support.today import today

HERE = Path(__file__).parent
REAL, SERVER, LIAR = HERE / "tool_server.py", HERE / "small_server.py", HERE / "lying_server.py"
"""The first is made with the official SDK, which takes a second to load; the second has its tools without it."""
SECONDS = 30.0
Call = Callable[..., Awaitable[ToolReply]]


def program(*arguments: str, **more: Any) -> JsonObject:
    return {"name": "tests", "enabled": True, "command": sys.executable, "args": [*arguments], **more}


def settings(*rows: JsonObject, **mcp: Any) -> ToolSettings:
    return tool_settings({"mcp": {"servers": [*rows], **mcp}})


@asynccontextmanager
async def calling(given: ToolSettings, told: list[str] | None = None, **options: Any) -> AsyncIterator[ToolServers]:
    variables = {"PATH": os.environ["PATH"], "API_KEY": "of the host"}
    made = ToolServers(
        variables, tell=(told if told is not None else []).append, clock=options.get("clock", time.monotonic)
    )
    made.define(given, {})
    try:
        yield made
    finally:
        await made.close()


async def call(made: ToolServers, tool: str, server: str = "tests", **arguments: Any) -> ToolReply:
    return await made.call(ToolRequest(server=server, tool=tool, arguments=arguments))


async def refused(made: ToolServers, tool: str, server: str = "tests", **arguments: Any) -> str:
    with pytest.raises((ToolError, RunTimeoutError)) as error:
        await call(made, tool, server, **arguments)
    return error.value.message


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def gone(*pids: int) -> bool:
    until = time.monotonic() + SECONDS
    while any(map(is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(is_alive, pids))


@contextmanager
def listening(transport: str) -> Iterator[str]:
    """A server at an address; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, REAL, str(port), transport], stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def at_an_address() -> Iterator[str]:
    """A server of streamable HTTP for all that ask one."""
    with listening("streamable-http") as url:
        yield url


def test_a_program_is_started_once_and_gone_at_the_end() -> None:
    async def scenario() -> list[int]:
        async with calling(settings(program(str(REAL), env={"SERVICE_TOKEN": "a-secret-token"}))) as made:
            assert made.health()[0].state == "not started"
            assert (await call(made, "add", a=1, b=2)).structured == {"sum": 3}
            assert (await call(made, "say", text="Grüße")).text == "Grüße"
            found = (await call(made, "variables")).structured or {}
            assert "API_KEY" not in found, "no variable of the host reaches it but a few"
            assert found["SERVICE_TOKEN"] == MASK, "its own reach it, and nobody else"
            assert (await refused(made, "fail", why="too bad a-secret-token")).endswith("too bad ***")
            pids = [(await call(made, "process")).structured, (await call(made, "spawn")).structured]
            pids.append((await call(made, "spawn", away=True)).structured)
            assert (made.health()[0].state, made.health()[0].starts) == ("healthy", 1)
            return [one["pid"] for one in pids if one]  # type: ignore[misc]

    assert gone(*asyncio.run(scenario()))


async def is_served(transport: str, url: str) -> None:
    async with calling(settings({"name": "tests", "enabled": True, "transport": transport, "url": url})) as made:
        assert (await call(made, "add", a=1, b=2)).structured == {"sum": 3}
        assert "no such tool" in await refused(made, "adds")
        assert (await refused(made, "fail", why="oh")).endswith("oh")
        assert (await call(made, "say", text="x")).text == "x"


def test_a_server_at_an_address(at_an_address: str) -> None:
    asyncio.run(is_served("http", at_an_address))


def test_a_server_at_an_address_of_the_older_kind() -> None:
    with listening("sse") as url:
        asyncio.run(is_served("sse", url))


def test_one_that_dies_is_started_again_after_a_while_and_others_go_on() -> None:
    now = [0.0]
    told: list[str] = []

    async def scenario() -> None:
        other = {**program(str(SERVER)), "name": "other"}
        async with calling(settings(program(str(SERVER)), other), told, clock=lambda: now[0]) as made:
            assert (await call(made, "say", "other", text="x")).text == "x"
            assert (await refused(made, "die")).endswith("it ended"), "what it said is for the operator"
            assert (made.health()[0].state, made.health()[0].error) == ("failed", "it ended; it said: out of luck")
            assert "tried again in 1 seconds" in await refused(made, "add", a=1, b=2)
            assert (await call(made, "say", "other", text="x")).text == "x"
            now[0] += 1
            assert (await call(made, "add", a=1, b=2)).structured == {"sum": 3}
            assert [(one.state, one.starts) for one in made.health()] == [("healthy", 2), ("healthy", 1)]

    asyncio.run(scenario())
    assert told[-1] == "tool server tests: it works again"


def test_one_that_never_starts_is_left_alone() -> None:
    now = [0.0]

    async def scenario() -> None:
        given = settings(program("-c", "import sys; sys.exit('no such luck')"))
        async with calling(given, clock=lambda: now[0]) as made:
            for _ in range(one_server.MOST_STARTS):
                assert (await refused(made, "add")).endswith("it ended")
                assert "no such luck" in str(made.health()[0].error)
                now[0] += 100
            assert "left alone until it changes" in await refused(made, "add")
            assert made.health()[0].starts == one_server.MOST_STARTS
            made.define(given, {})
            await asyncio.sleep(0)
            assert "left alone" not in await refused(made, "add")

    asyncio.run(scenario())


def test_a_start_goes_on_where_nobody_waits_for_it_any_more() -> None:
    async def scenario() -> None:
        async with calling(settings(program(str(SERVER)))) as made:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await call(made, "say", text="x")
            assert (await call(made, "say", text="x")).text == "x"
            assert made.health()[0].starts == 1
        async with calling(settings(program(str(SERVER)))) as made:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await call(made, "say", text="x")

    asyncio.run(scenario())


def test_a_program_that_is_not_there() -> None:
    async def scenario() -> None:
        async with calling(settings({"name": "tests", "enabled": True, "command": "no-such-program"})) as made:
            assert "'no-such-program' is not there" in await refused(made, "add")
            assert made.health()[0].state == "failed"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("how", "said", "is_given_up"),
    [
        ("silent", "did not start within", True),
        ("noise", "are not messages", True),
        ("endless-line", "more than", True),
        ("no-answer", "did not answer within", True),
        ("wrong-id", "did not answer within", False),
        ("other-schema", "is not as its 'outputSchema' says", False),
        ("slow-schema", "is not as its 'outputSchema' says", False),
        ("other-form", "not as the protocol says", False),
    ],
)
def test_one_that_lies(how: str, said: str, is_given_up: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "START_SECONDS", 2.0 if how == "silent" else SECONDS)
    monkeypatch.setattr(one_server, "LIST_SECONDS", 2.0)
    seconds = "0.5s" if "answer" in how or how == "wrong-id" else "30s"

    async def scenario() -> None:
        async with calling(
            settings(program(str(LIAR), how, timeout=seconds), max_tool_result_size=1000), clock=float
        ) as made:
            started = time.monotonic()
            assert said in await refused(made, "say")
            assert time.monotonic() - started < SECONDS / 2
            assert made.health()[0].state == "failed"
            assert ("tried again" in await refused(made, "say")) is is_given_up

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["news", pytest.param("questions", marks=pytest.mark.long)])
def test_one_that_says_much_unasked_is_ended(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "MOST_UNASKED", 100)

    async def scenario() -> None:
        async with calling(settings(program(str(LIAR), what))) as made:
            assert (await call(made, "say")).text == "said"
            async with asyncio.timeout(SECONDS):
                while made.health()[0].state != "failed":
                    await asyncio.sleep(0.05)
            assert "100 messages in a second that nobody asked for" in str(made.health()[0].error)

    asyncio.run(scenario())


def test_answers_do_not_pile_up_for_one_that_asks_and_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "MOST_UNASKED", 10**9)

    async def scenario() -> None:
        async with calling(settings(program(str(LIAR), "questions"))) as made:
            await call(made, "say")
            await asyncio.sleep(3)  # the pipe is full after one: from then on there would be one more for each question
            assert len(asyncio.all_tasks()) < 50

    asyncio.run(scenario())


def test_an_endless_list_of_tools_ends() -> None:
    async def scenario() -> None:
        async with calling(settings(program(str(LIAR), "endless-list"))) as made:
            assert (await call(made, "say")).text == "said"

    asyncio.run(scenario())


def test_limits_of_the_gateways_file() -> None:
    async def scenario() -> None:
        rules = {"allow_tools": ["mcp.tests.*"], "deny_tools": ["mcp.*.fail", "variables"]}
        row = program(str(SERVER), timeout="700ms")
        async with calling(settings(row, max_tool_result_size=2000, **rules)) as made:
            await call(made, "say", text="x")  # it may need longer to start
            assert "deny_tools forbids it" in await refused(made, "fail", why="x")
            assert "deny_tools forbids it" in await refused(made, "variables")
            assert "max_tool_result_size allows 2000" in await refused(made, "repeat", text="x", times=3000)
            assert "within 0.7 seconds" in await refused(made, "wait", seconds=60)
            assert (await call(made, "say", text="x")).text == "x", "it goes on"
            assert made.health()[0].starts == 1
            programs = ToolRequest(server="tests", tool="say", arguments={}, programs=False)
            with pytest.raises(ToolError, match="no_filesystem_access"):
                await made.call(programs)

    asyncio.run(scenario())


def test_a_cancelled_call_is_cancelled_there(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def scenario() -> None:
        async with calling(settings(program(str(REAL)))) as made:
            await call(made, "say", text="x")
            running = asyncio.create_task(call(made, "wait", seconds=3, mark=str(mark)))
            await asyncio.sleep(0.2)
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
            await call(made, "wait", seconds=3.1)
            assert made.health()[0].state == "healthy"

    asyncio.run(scenario())
    assert not mark.exists()


def test_a_changed_definition_ends_the_old_program() -> None:
    async def scenario() -> None:
        async with calling(settings(program(str(SERVER)))) as made:
            first = (await call(made, "process")).structured or {}
            made.define(settings(program(str(SERVER))), {})
            assert (await call(made, "process")).structured == first, "an equal one goes on"
            made.define(settings(program(str(SERVER), env={"A": "b"})), {})
            for _ in range(1_500):
                await asyncio.sleep(0.02)
                if not is_alive(first["pid"]):  # type: ignore[arg-type]
                    break
            assert not is_alive(first["pid"])  # type: ignore[arg-type]
            assert (await call(made, "process")).structured != first

    asyncio.run(scenario())


def test_a_tool_that_is_not_as_it_was_accepted_is_not_called() -> None:
    async def scenario() -> None:
        given = settings(program(str(SERVER)))
        async with calling(given) as made:
            await call(made, "say", text="x")
            connection = made._servers["tests"]._connection
            assert connection is not None
            tools = await connection.tools(again=False)
            accepted = {name: tool.digest for name, tool in tools.items() if name != "add"}
            made.define(given, {"tests": accepted})
            assert (await call(made, "say", text="x")).text == "x"
            assert "it is new since the lock was written" in await refused(made, "add", a=1, b=2)
            await call(made, "change")
            assert "changed since the lock was written" in await refused(made, "say", text="x")
            assert (await call(made, "repeat", text="x", times=2)).text == "xx"

    asyncio.run(scenario())


def test_what_a_gateway_leaves_out_of_its_list_is_no_change(tmp_path: Path, at_an_address: str) -> None:
    """It passes on names, descriptions and input schemas, and the numbers in these as Go writes them."""
    row: JsonObject = {"name": "tests", "enabled": True, "transport": "http", "url": at_an_address}
    (tmp_path / "llamagate.yaml").write_text(yaml_text.dump({"mcp": {"enabled": True, "servers": [row]}}))
    with today(tmp_path) as gateway:
        listed = read_tools(Gateway(url=gateway.url), "tests")
    assert isinstance(listed, tuple)
    accepted = {tool.name: tool.digest for tool in listed}

    async def scenario() -> None:
        async with calling(settings(row)) as made:
            made.define(settings(row), {"tests": accepted})
            assert (await call(made, "add", a=1, b=2)).structured == {"sum": 3}
            assert (await call(made, "wait")).text == "waited"
            connection = made._servers["tests"]._connection
            assert connection is not None
            own = (await connection.tools(again=False))["add"].output_schema
            assert (own is None, {tool.output_schema for tool in listed}) == (False, {None})

    asyncio.run(scenario())


class _Liar(BaseHTTPRequestHandler):
    """What it does with each request is the path of its address."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(f"{self.path} {self.headers.get('Authorization')}")
        with suppress(OSError):
            getattr(self, self.path.strip("/"))()

    def do_GET(self) -> None:
        self.do_POST() if self.headers["Content-Length"] else self._head(405)

    def _head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": "0"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def endless(self) -> None:
        self._head(200, Content_Type="application/json", Content_Length=str(10**12))
        while True:
            self.wfile.write(b"x" * 2**16)

    def endless_event(self) -> None:
        self._head(200, Content_Type="text/event-stream", Content_Length=str(10**12))
        while True:
            self.wfile.write(b"data: " + b"x" * 2**16)

    def packed(self) -> None:
        body = gzip.compress(b"x" * 2**20)
        self._head(200, Content_Type="application/json", Content_Encoding="gzip", Content_Length=str(len(body)))
        self.wfile.write(body)

    def away(self) -> None:
        self._head(307, Location=f"http://localhost:{self.headers['Host'].rpartition(':')[2]}/other")

    def failing(self) -> None:
        self._head(500)

    def broken(self) -> None:
        self.close_connection = True
        self.connection.close()

    def silent(self) -> None:
        time.sleep(4)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("how", ["endless", "endless_event", "packed", "away", "failing", "broken", "silent"])
def test_an_address_that_lies(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "START_SECONDS", 2.0 if how in ("silent", "endless_event") else 20.0)
    _Liar.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Liar)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    port = server.server_address[1]
    row: JsonObject = {
        "name": "tests",
        "enabled": True,
        "url": f"http://127.0.0.1:{port}/{how}",
        "headers": {"Authorization": "Bearer s3cr3t-of-headers"},
    }

    async def scenario() -> None:
        async with calling(settings(row)) as made:
            said = await refused(made, "say")
            assert "s3cr3t" not in said
            assert "Traceback" not in said
            assert (made.health()[0].state, made.health()[0].error is None) == ("failed", False)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        asyncio.run(scenario())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10, "KiB"
    assert not [one for one in _Liar.seen if one.startswith("/other")], "no other place is asked"


HOST = """
import asyncio, sys
from reconciler.host.mcp.definitions import tool_settings
from reconciler.host.mcp.servers import ToolServers
from reconciler.host.engine.run import ToolRequest

async def main():
    made = ToolServers({"PATH": "/usr/bin:/bin"}, tell=print, clock=float)
    row = {"name": "tests", "enabled": True, "command": sys.executable, "args": [sys.argv[1]]}
    made.define(tool_settings({"mcp": {"servers": [row]}}), {})
    for tool, given in (("process", {}), ("spawn", {}), ("spawn", {"away": True})):
        reply = await made.call(ToolRequest(server="tests", tool=tool, arguments=given))
        print(reply.structured["pid"], flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_no_program_outlives_a_host_that_is_killed(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", HOST, SERVER], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pids = [int(host.stdout.readline()) for _ in range(3)]
        assert all(map(is_alive, pids))
        host.send_signal(number)
    assert gone(*pids)


def test_no_program_outlives_its_keeper() -> None:
    async def scenario() -> int:
        async with calling(settings(program(str(SERVER))), clock=float) as made:
            pid = ((await call(made, "process")).structured or {})["pid"]
            assert isinstance(pid, int)
            keeper = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            os.kill(keeper, signal.SIGKILL)
            assert await asyncio.to_thread(gone, pid)  # a small one may still answer meanwhile
            await refused(made, "say", text="x")
            return pid

    assert gone(asyncio.run(scenario()))
