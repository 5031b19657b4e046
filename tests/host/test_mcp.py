"""What the host serves as tools of chat clients: the real client of the official SDK, of both ages of the protocol."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from reconciler.documents.yaml import text as yaml_text
from reconciler.host.mcp import running
from reconciler.host.mcp import server as mcp_server
from reconciler.host.mcp import tools as mcp_tools
from reconciler.host.mcp.offered import RESULT_TOOL
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.lock import Lock, LockedServer
from reconciler.model.servers import server_key
from reconciler.model.tools import Tool
from reconciler.store.lock_file import lock_bytes, lock_path
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import Host, Stage, extension, put_on_disk
from tests.host.test_modules import RULES, TASK, put_module
from tests.host.test_serve_command import serving
from tests.host.test_tool_servers import LIAR, REAL, SERVER, gone

if TYPE_CHECKING:  # the SDK takes a second to load: only the worker that needs it waits
    from mcp.client.client import Client
    from mcp_types import CallToolResult

GREET = """\
inputs: [{id: person, type: string, required: true}, {id: mood, type: string, default: good}]
outputs: [{id: greeting, type: string}]
steps: [{id: greet, uses: llm.chat, with: {prompt: "Greet {{person}}."}, outputs: {greeting: "${llm_response}"}}]
"""
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])


@asynccontextmanager
async def connected(host: Host, mode: str = "auto", key: str = "", **options: Any) -> AsyncIterator[Client]:
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client

    url = f"{str(host.client.base_url).rstrip('/')}/mcp"
    headers = {"X-API-Key": key} if key else {}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, cache=None, **options) as client,
    ):
        yield client


def text(result: CallToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@MODES
def test_workflows_tasks_and_modules_are_tools(mode: str, session: Session, model: ModelServer, serve: Serve) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet", version="1.2.3"))
    put_on_disk(session, "judge", extension__yaml=TASK.format(name="judge", more=""))
    put_on_disk(session, "off", manifest__yaml=extension(GREET, name="off") + "enabled: false\n")
    put_module(
        session,
        "desk",
        agenticmodule__yaml="name: desk\nversion: 2.0.0\nworkflow: {steps: [{extension: extensions/route.yaml}]}\n",
        extensions___route__yaml=RULES,
    )
    host = serve()

    async def scenario() -> None:
        async with connected(host, mode) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert [*tools] == ["greet", "judge", "desk", RESULT_TOOL]
            greet = tools["greet"]
            assert (greet.description, (greet.meta or {})["llamagate/version"]) == ("A test", "1.2.3")
            assert greet.input_schema["properties"]["mood"] == {"type": "string", "default": "good"}
            assert (greet.input_schema["required"], greet.input_schema["type"]) == (["person"], "object")
            assert tools["judge"].input_schema["required"] == ["text"]
            found = await client.call_tool("greet", {"person": "Ada"})
            assert (found.structured_content, text(found)) == ({"greeting": "hello"}, '{"greeting": "hello"}')
            found = await client.call_tool("desk", {"mood": "bad"})
            assert (found.structured_content or {})["queue"] == "now"

    asyncio.run(scenario())
    assert model.prompts == ["Greet Ada."]


@MODES
def test_failures_are_errors_of_the_tool_in_words(
    mode: str, session: Session, model: ModelServer, serve: Serve
) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    model.status = 500
    host = serve(strict=True)

    async def scenario() -> None:
        async with connected(host, mode) as client:
            for name, given, said in (
                ("greet", {}, "Required input 'person' is missing"),
                ("greet", {"person": "Ada", "persons": 1}, "Input 'persons' is not declared; did you mean 'person'?"),
                ("greet", {"person": "Ada"}, "step 1 (greet: llm.chat): the model server"),
                ("great", {}, "There is no tool 'great'; did you mean 'greet'?"),
                (RESULT_TOOL, {"handle": "x"}, "There is no run with this handle"),
            ):
                found = await client.call_tool(name, given)
                assert found.is_error
                assert said in text(found)
                assert "Traceback" not in text(found)

    asyncio.run(scenario())


def test_globs_pick_and_names_are_valid_and_unique(session: Session, serve: Serve) -> None:
    long = "a" * 100
    for name in ("team-greet", "other", RESULT_TOOL, long, f"{long}b"):
        put_on_disk(session, name, manifest__yaml=extension(GREET, name=name))
    put_module(
        session,
        "other",
        agenticmodule__yaml="name: other\nversion: 1.0.0\nworkflow: {steps: [{name: a, extension: team-greet}]}\n",
    )

    async def names(host: Host) -> list[str]:
        async with connected(host) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert asyncio.run(names(serve(mcp_tools=("team-*",)))) == ["team-greet", RESULT_TOOL]
    assert asyncio.run(names(serve(mcp_tools=()))) == [RESULT_TOOL]
    found = asyncio.run(names(serve()))
    assert len({*found}) == len(found) == 7
    assert all(len(name) <= 64 for name in found)
    assert found == asyncio.run(names(serve())), "they stay"


def test_no_item_hides_another_by_the_name_of_its_tool(session: Session, serve: Serve) -> None:
    put_on_disk(session, "a" * 100, manifest__yaml=extension(GREET, name="a" * 100))
    host = serve()

    async def names() -> list[str]:
        async with connected(host) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    chosen = asyncio.run(names())[0]
    put_on_disk(session, chosen, manifest__yaml=extension(GREET, name=chosen))
    host.refresh()
    found = asyncio.run(names())
    assert len({*found}) == 3
    assert chosen in found


def test_a_long_list_comes_in_parts(session: Session, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp.shared.exceptions import MCPError

    monkeypatch.setattr(mcp_tools, "PAGE", 2)
    for name in "abcde":
        put_on_disk(session, name, manifest__yaml=extension(GREET, name=name))
    host = serve()

    async def scenario() -> None:
        async with connected(host) as client:
            names, cursor = [], None
            while True:
                page = await client.list_tools(cursor=cursor)
                names += [tool.name for tool in page.tools]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert names == [*"abcde", RESULT_TOOL]
            with pytest.raises(MCPError, match="no such page"):
                await client.list_tools(cursor="x")

    asyncio.run(scenario())


@MODES
def test_the_list_changes_with_what_is_served(mode: str, session: Session, serve: Serve) -> None:
    host = serve()
    heard: list[object] = []

    async def note(message: object) -> None:
        heard.append(getattr(message, "method", type(message).__name__))

    async def scenario() -> None:
        async with connected(host, mode, message_handler=note) as client:
            tools = client.server_capabilities.tools
            assert tools is not None
            assert tools.list_changed
            await client.list_tools()
            if mode == "legacy":
                await changed(lambda: heard)
                return
            async with client.listen(tools_list_changed=True) as news:
                seen = asyncio.create_task(anext(aiter(news)))
                await changed(seen.done)

        async with connected(host, mode) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["greet", RESULT_TOOL]

    async def changed(condition: Callable[[], object]) -> None:
        await asyncio.sleep(0.3)
        put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
        await asyncio.to_thread(host.refresh)
        await until(condition)

    asyncio.run(scenario())


@MODES
def test_progress_then_a_handle_then_the_result(
    mode: str, session: Session, model: ModelServer, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BEAT_SECONDS", 0.05)
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    model.pause = threading.Event()
    host = serve(mcp_wait=0.5)
    heard: list[tuple[float, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async def scenario() -> None:
        assert model.pause is not None
        async with connected(host, mode) as client:
            first = await client.call_tool("greet", {"person": "Ada"}, progress_callback=note)
            handle = (first.structured_content or {})["handle"]
            assert ((first.structured_content or {})["status"], RESULT_TOOL in text(first)) == ("running", True)
            assert heard[-1][1] == "step 1 of 1 (greet: llm.chat)"
            assert [one for one, _ in heard] == sorted({one for one, _ in heard})
            again = await client.call_tool(RESULT_TOOL, {"handle": handle, "wait": 0})
            assert (again.structured_content or {})["status"] == "running"
            model.pause.set()
        async with connected(host, mode) as client:
            last = await client.call_tool(RESULT_TOOL, {"handle": handle})
            assert last.structured_content == {"greeting": "hello"}

    asyncio.run(scenario())


@MODES
@pytest.mark.parametrize("how", ["cancelled", "by its handle"])
def test_who_stops_waiting_stops_the_run(
    how: str, mode: str, session: Session, model: ModelServer, serve: Serve
) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    model.pause = threading.Event()
    host = serve(mcp_wait=0.2 if how == "by its handle" else 50)

    async def scenario() -> None:
        client = connected(host, mode)
        found = await client.__aenter__()
        calling = asyncio.create_task(found.call_tool("greet", {"person": "Ada"}))
        await until(lambda: model.asked)
        assert not model.left.is_set()
        if how == "by its handle":
            handle = ((await calling).structured_content or {})["handle"]
            ended = await found.call_tool(RESULT_TOOL, {"handle": handle, "cancel": True})
            assert (ended.is_error, text(ended)) == (True, "The run was cancelled")
        else:
            calling.cancel()
            await asyncio.wait([calling])
        await asyncio.to_thread(model.left.wait, 20)
        assert model.left.is_set()
        await client.__aexit__(None, None, None)

    asyncio.run(scenario())


def test_a_caller_of_the_older_protocol_that_goes_away_stops_the_run(
    session: Session, model: ModelServer, serve: Serve
) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    model.pause = threading.Event()
    host = serve()
    accepts = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    begun = host.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, headers=accepts)
    accepts["Mcp-Session-Id"] = begun.headers["mcp-session-id"]
    host.post("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=accepts)
    params = {"name": "greet", "arguments": {"person": "Ada"}}
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    with host.client.stream("POST", "/mcp", json=body, headers=accepts) as answer:
        assert answer.status_code == 200
        while not model.asked:
            time.sleep(0.01)
    assert model.left.wait(20)


ACCEPTS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


def opened(host: Host, caller: str) -> JsonObject:
    """Open a session of the older protocol; the headers by which it is used."""
    headers = {**ACCEPTS, "X-Forwarded-For": caller}
    begun = host.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}, headers=headers)
    assert begun.status_code == 200, begun.text
    headers["Mcp-Session-Id"] = begun.headers["mcp-session-id"]
    host.post("/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers)
    return {**headers}


def listed(host: Host, session: Any) -> int:
    return host.post("/mcp", {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, headers=session).status_code


def test_open_sessions_of_a_stranger_keep_nobody_out(
    session: Session, stage: Stage, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_server, "MOST_SESSIONS", 5)
    host = serve(trusted_proxies=("127.0.0.0/8",))
    first = opened(host, "10.0.0.1")
    strangers = [opened(host, "10.6.6.6") for _ in range(12)]
    assert [listed(host, one) for one in strangers] == [404] * 8 + [200] * 4
    assert listed(host, first) == 200, "who has few sessions keeps them"
    others = [opened(host, f"10.0.0.{number}") for number in (2, 3, 4)]
    assert [listed(host, one) for one in (first, *others)] == [200] * 4
    assert [listed(host, one) for one in strangers[-4:]] == [404] * 3 + [200]


@pytest.mark.parametrize("version", ["2099-01-01", "2026-07-28", "x"])
def test_a_session_counts_until_it_ends(
    session: Session, stage: Stage, serve: Serve, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(mcp_server, "MOST_SESSIONS", 3)
    host = serve(trusted_proxies=("127.0.0.0/8",))
    for _ in range(7):
        mine: Any = opened(host, "10.6.6.6")
        host.client.delete("/mcp", headers={**mine, "MCP-Protocol-Version": version})
    opened(host, "10.0.0.1")
    assert host.client.delete("/mcp", headers=mine).status_code == 200
    assert listed(host, mine) == 404


def test_a_session_in_use_does_not_make_room(
    session: Session, model: ModelServer, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_server, "MOST_SESSIONS", 2)
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    model.pause = threading.Event()
    host = serve(trusted_proxies=("127.0.0.0/8",))
    calls = opened(host, "10.0.0.1")
    params = {"name": "greet", "arguments": {"person": "Ada"}}
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(host.post, "/mcp", body, headers=calls)
        while not model.asked:
            time.sleep(0.01)
        idle = [opened(host, "10.0.0.1") for _ in range(3)]
        model.pause.set()
        assert "hello" in running.result().text
    assert [listed(host, one) for one in (calls, *idle)] == [200, 404, 404, 200]


def test_many_runs_that_nobody_waits_for_are_refused(
    session: Session, model: ModelServer, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.host.mcp.handles.MOST", 2)
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    model.pause = threading.Event()
    host = serve(mcp_wait=0.3)

    async def scenario() -> None:
        async with connected(host) as client:
            found = [await client.call_tool("greet", {"person": "Ada"}) for _ in range(3)]
            assert [one.is_error for one in found] == [False, False, True]
            model.pause = None
            short = await client.call_tool("greet", {"person": "Eve"})
            assert short.structured_content == {"greeting": "hello"}
            model.pause = threading.Event()
            handle = (found[0].structured_content or {})["handle"]
            await client.call_tool(RESULT_TOOL, {"handle": handle, "cancel": True})
            assert not (await client.call_tool("greet", {"person": "Ada"})).is_error

    asyncio.run(scenario())


def test_results_are_bounded_and_any_text_can_be_one(session: Session, model: ModelServer, serve: Serve) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    host = serve()

    async def scenario() -> None:
        async with connected(host) as client:
            model.say = lambda _: "\ud800 half"
            found = await client.call_tool("greet", {"person": "Ada"})
            assert (found.structured_content or {})["greeting"].endswith(" half")
            model.say = lambda _: "x" * 2**20
            found = await client.call_tool("greet", {"person": "Ada"})
            assert found.is_error
            assert "more than 1048576 bytes" in text(found)

    asyncio.run(scenario())


def test_the_door_is_that_of_every_route(session: Session, serve: Serve) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    host = serve(api_key="k" * 20, local_only=True)
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    key = {"X-API-Key": "k" * 20}
    assert host.post("/mcp", body).status_code == 401
    assert host.get("/mcp").status_code == 401
    assert host.post("/mcp", body, headers={**key, "Origin": "https://example.org"}).status_code == 403
    assert host.post("/mcp", body, headers={**key, "Host": "example.org"}).status_code == 403
    assert host.post("/mcp", b"x" * (2**20 + 1), headers=key).status_code == 413
    assert host.post("/mcp", b'{"a": 1, "a": 2}', headers=key).status_code == 400
    assert host.post("/mcp", b"[" * 100 + b"]" * 100, headers=key).status_code == 400
    assert host.get("/mcp/servers").status_code == 401

    async def scenario() -> None:
        async with connected(host, key="k" * 20) as client:
            assert len((await client.list_tools()).tools) == 2

    asyncio.run(scenario())


def test_whatever_is_sent_is_answered_in_words(session: Session, serve: Serve) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    host = serve()
    dice = random.Random(21)  # noqa: S311
    values: list[Any] = [
        None,
        0,
        -1,
        1e300,
        "",
        "x",
        "\ud800",
        [],
        {},
        True,
        {"name": "greet"},
        {"name": 7},
        "tools/call",
    ]
    accepts = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    for _ in range(300):
        keys = dice.sample(["jsonrpc", "id", "method", "params", "result", "error", "x"], dice.randint(0, 5))
        body: Any = {key: dice.choice(values) for key in keys}
        if dice.random() < 0.7:
            methods = ["tools/list", "tools/call", "initialize", "ping", "subscriptions/listen", "notifications/x", "é"]
            body |= {"jsonrpc": "2.0", "id": dice.choice([1, "a", None]), "method": dice.choice(methods)}
        headers: dict[str, str | bytes] = {**accepts}
        many: tuple[tuple[str, list[str | bytes]], ...] = (
            ("Mcp-Protocol-Version", ["2025-06-18", "2026-07-28", "1", "é".encode()]),
            ("Mcp-Session-Id", ["x", "y" * 200]),
            ("Mcp-Method", ["tools/call"]),
        )
        for name, choices in many:
            if dice.random() < 0.4:
                headers[name] = dice.choice(choices)
        answer = host.post("/mcp", dice.choice([body, [body], 7]), headers=headers)
        assert answer.status_code < 600
        assert "Traceback" not in answer.text
        assert "File " not in answer.text
    assert not [line for line in host.told if "met a bug" in line]
    assert host.get("/v1/extensions").json()["count"] == 1


def test_many_at_once_and_half_of_them_leave(session: Session, stage: Stage, serve: Serve) -> None:
    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    host = serve()

    async def first() -> None:
        async with connected(host, "legacy") as client:  # what stays for good is there then
            await client.list_tools()

    asyncio.run(first())

    def open_now() -> tuple[int, int]:
        return len(asyncio.all_tasks(stage.loop)), len(stage._server.server_state.connections)

    before = open_now()

    async def one(client: Client, number: int) -> object:
        calling = asyncio.create_task(client.call_tool("greet", {"person": str(number)}))
        if number % 2:
            await asyncio.sleep(0.01)
            calling.cancel()
        return (await asyncio.wait([calling]))[0]

    async def scenario() -> None:
        async with connected(host) as client, connected(host, "legacy") as older:
            await asyncio.gather(*(one(which, number) for number in range(60) for which in (client, older)))
            found = await client.call_tool("greet", {"person": "Ada"})
            assert found.structured_content == {"greeting": "hello"}

    asyncio.run(scenario())
    assert not [line for line in host.told if "met a bug" in line]
    deadline = time.monotonic() + 20
    while open_now() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_now() <= before, "no task and no connection is left"


def test_without_the_sdk_there_is_a_sentence(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.client.sse", None)
    answer = serve().post("/mcp", {})
    assert answer.status_code == 501
    assert "pip install 'llamagate[mcp]'" in answer.json()["error"]["message"]


# Steps that call tool servers

CALLS = """\
mcp_servers: [tests]
inputs: [{id: a, type: number}]
steps:
  - {id: sum, uses: mcp.call, with: {server: tests, tool: add, arguments: {a: "{{a}}", b: 2}}}
  - {id: say, uses: mcp.call, with: {server: tests, tool: say, arguments: {text: "{{steps.sum.output.sum}}!"}}}
outputs: [{id: tool_result, type: object}]
"""


def put_servers(session: Session, program: Path = SERVER, **mcp: Any) -> None:
    session.home.mkdir(exist_ok=True)
    start: JsonObject = {"transport": "stdio", "command": sys.executable, "args": [str(program)]}
    row: JsonObject = {"name": "tests", "enabled": True, **start}
    (session.home / "llamagate.yaml").write_bytes(yaml_text.dump({"mcp": {"servers": [row], **mcp}}).encode())


def test_a_step_calls_a_tool_server(session: Session, serve: Serve) -> None:
    put_servers(session, REAL)
    put_on_disk(session, "calls", manifest__yaml=extension(CALLS, name="calls"))
    host = serve()
    assert host.get("/mcp/servers").json()["servers"][0]["status"] == "not started"
    assert host.run("calls", {"a": 40}) == {"tool_result": {"result": "42!"}}
    shown = host.get("/mcp/servers").json()["servers"][0]
    assert (shown["status"], shown["starts"], shown["error"]) == ("healthy", 1, None)
    put_servers(session, REAL, deny_tools=["mcp.tests.say"])
    host.refresh()
    assert "deny_tools forbids it" in host.run("calls", {"a": 40}, 502)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("mcp_servers: [tests]", "mcp_servers: [test]"),
            "does not name the tool server 'tests'; did you mean 'test'?",
        ),
        (("mcp_servers: [tests]\n", ""), "the manifest's 'mcp_servers' has to name it"),
        (("outputs:", "guardrails: [{type: no_network_access}]\noutputs:"), "no_network_access forbids it"),
        (("outputs:", "guardrails: [{type: no_filesystem_access}]\noutputs:"), "no_filesystem_access forbids programs"),
        (("tool: add", "tool: ad"), "the server has no such tool; did you mean 'add'?"),
        (('arguments: {a: "{{a}}", b: 2}', "arguments: 7"), "'arguments' must be a mapping"),
    ],
    ids=["unnamed", "none", "network", "files", "tool", "arguments"],
)
def test_what_a_step_may_not_call(change: tuple[str, str], said: str, session: Session, serve: Serve) -> None:
    put_servers(session)
    put_on_disk(session, "calls", manifest__yaml=extension(CALLS.replace(*change), name="calls"))
    answer = serve().post("/v1/extensions/calls/execute", {"a": 1})
    assert answer.status_code >= 400
    assert said in answer.json()["error"]["message"]


def test_limits_of_a_run_hold_for_tools(session: Session, serve: Serve) -> None:
    put_servers(session)
    calls = """\
mcp_servers: [tests]
steps: [{uses: mcp.call, with: {server: tests, tool: "{{tool}}", arguments: "{{given}}"}}]
guardrails: [{type: """
    put_on_disk(session, "short", manifest__yaml=extension(f"{calls}max_output_length, value: 10}}]", name="short"))
    put_on_disk(session, "quick", manifest__yaml=extension(f"{calls}max_execution_time, value: 1s}}]", name="quick"))
    host = serve()
    said = host.run("short", {"tool": "repeat", "given": {"text": "x", "times": 11}}, 500)
    assert "has 11 characters; max_output_length allows 10" in said
    assert "took longer than 1 seconds" in host.run("quick", {"tool": "wait", "given": {"seconds": 60}}, 504)


# The host as a process


@pytest.mark.parametrize("mode", [pytest.param("legacy", marks=pytest.mark.long), "auto"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_a_host_that_ends_leaves_no_program_and_no_client_waiting(number: int, mode: str, session: Session) -> None:
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.exceptions import MCPError

    put_servers(session)
    steps = "steps: [{uses: mcp.call, with: {server: tests, tool: process}}]"
    put_on_disk(session, "process", manifest__yaml=extension(f"mcp_servers: [tests]\n{steps}", name="process"))
    pids = []

    async def scenario(host: subprocess.Popen[str], url: str) -> None:
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=30) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode, cache=None) as client,
        ):
            assert [tool.name for tool in (await client.list_tools()).tools] == ["process", RESULT_TOOL]
            found = (await client.call_tool("process", {})).structured_content or {}
            pids.append(found["tool_result"]["pid"])
            if mode == "auto":
                async with client.listen(tools_list_changed=True):
                    host.send_signal(number)
                    await asyncio.to_thread(host.wait, 20)
            else:  # its own stream is open
                host.send_signal(number)
                await asyncio.to_thread(host.wait, 20)

    put_on_disk(session, "greet", manifest__yaml=extension(GREET, name="greet"))
    with serving(session, "--mcp-tools", "pro*", "--mcp-wait", 40) as (process, url):
        httpx2.post(f"{url}/mcp", json={}, timeout=60)  # on a busy machine the SDK takes longer than a client waits
        try:
            asyncio.run(scenario(process, url))
        except (BaseExceptionGroup, MCPError):
            if process.poll() is None:  # else it says that the host is gone
                raise
        assert process.returncode == (0 if number == signal.SIGTERM else -number)
    assert gone(*pids)


def test_other_requests_are_served_while_a_tool_server_hangs(session: Session, serve: Serve) -> None:
    session.home.mkdir(exist_ok=True)
    start: JsonObject = {"command": sys.executable, "args": [str(LIAR), "no-answer"]}
    row: JsonObject = {"name": "tests", "enabled": True, **start}
    (session.home / "llamagate.yaml").write_bytes(yaml_text.dump({"mcp": {"servers": [row]}}).encode())
    steps = "mcp_servers: [tests]\nsteps: [{uses: mcp.call, with: {server: tests, tool: say}}]"
    put_on_disk(session, "hangs", manifest__yaml=extension(steps, name="hangs"))
    put_on_disk(session, "other", extension__yaml=RULES.replace("name: route", "name: other"))
    host = serve()

    with host.unanswered("/v1/extensions/hangs/execute", {}):
        for _ in range(20):
            assert host.run("other", {"mood": "bad"})["queue"] == "now"


def test_only_tools_that_the_lock_accepted_are_called(session: Session, serve: Serve) -> None:
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters

    put_servers(session)
    put_on_disk(session, "calls", manifest__yaml=extension(CALLS, name="calls"))
    host = serve()
    assert host.run("calls", {"a": 40}) == {"tool_result": {"result": "42!"}}

    def lock(tools: dict[str, str]) -> None:
        servers = (LockedServer(key=server_key("tests"), tools={name: Digest(one) for name, one in tools.items()}),)
        lock_path(session.project / "llamagate.yaml").write_bytes(lock_bytes(Lock(servers=servers)))
        host.refresh()

    async def digests() -> dict[str, str]:
        async with Client(StdioServerParameters(command=sys.executable, args=[str(SERVER)])) as client:
            listed = (await client.list_tools()).tools
            documents = [tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in listed]
            return {str(one["name"]): Tool.from_document(one).digest for one in documents}

    found = asyncio.run(digests())
    lock(found)
    assert host.run("calls", {"a": 40}) == {"tool_result": {"result": "42!"}}
    lock({**found, "say": "sha256:" + "0" * 64})
    assert "changed since the lock was written" in host.run("calls", {"a": 40}, 502)
    lock({"add": found["add"]})
    assert "the tool 'say' of the tool server 'tests': it is new" in host.run("calls", {"a": 40}, 502)
    lock_path(session.project / "llamagate.yaml").write_text("items: 7")
    host.refresh()
    assert "nobody knows which tools were accepted" in host.run("calls", {"a": 40}, 502)
