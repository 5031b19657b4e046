"""The gateway of today that other tests stand on: its routes, its one look at its file, its streams and its tools."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx2
import pytest

from tests.support.today import Today, today

TOOL_SERVER = """\
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = {"initialize": {"capabilities": {}}, "tools/list": {"tools": [{"name": "add"}]}}.get(message["method"])
    if message["method"] == "tools/call":
        result = {"content": [{"type": "text", "text": str(sum(message["params"]["arguments"].values()))}]}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""
FILE = "mcp: {{enabled: true, deny_tools: [mcp.b.*], servers: [{servers}]}}\n"


def configured(home: Path, *names: str) -> None:
    script = home / "server.py"
    script.write_text(TOOL_SERVER)
    entries = (
        f"{{name: {name}, enabled: true, transport: stdio, command: {sys.executable}, args: [{script}]}}"
        for name in names
    )
    (home / "llamagate.yaml").write_text(FILE.format(servers=", ".join(entries)))


def said(gateway: Today, text: str) -> str:
    body = {"model": "mistral", "messages": [{"role": "user", "content": text}]}
    answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, trust_env=False)
    return str(answer.json()["choices"][0]["message"]["content"])


def servers(gateway: Today) -> list[str]:
    return [row["name"] for row in httpx2.get(f"{gateway.url}/v1/mcp/servers", trust_env=False).json()["servers"]]


def test_its_file_is_read_once_and_the_one_in_its_folder_hides_that_of_its_home(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    folder.mkdir()
    configured(home, "a")
    with today(home, folder) as gateway:
        assert servers(gateway) == ["a"]
        configured(home, "a", "b")
        assert servers(gateway) == ["a"]
        gateway.restart()
        assert servers(gateway) == ["a", "b"]
        (folder / "llamagate.yaml").write_text("apiVersion: llamagate/v1\n")
        gateway.restart()
        assert httpx2.get(f"{gateway.url}/v1/mcp/servers", trust_env=False).status_code == 404


def test_its_chat_uses_the_tools_that_are_not_denied(tmp_path: Path) -> None:
    configured(tmp_path, "a", "b")
    with today(tmp_path) as gateway:
        assert json.loads(said(gateway, 'use mcp.a.add {"x": 2, "y": 3}'))["content"][0]["text"] == "5"
        assert said(gateway, "use mcp.b.add {}") == "there is no tool mcp.b.add"
        assert said(gateway, "two words") == "two words"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/v1/hardware/recommendations", 200), ("/v1/models", 401), ("/v1/extensions", 401)],
)
def test_it_asks_for_its_key_where_gateways_do(tmp_path: Path, path: str, status: int) -> None:
    with today(tmp_path, api_key="k") as gateway:
        assert httpx2.get(gateway.url + path, trust_env=False).status_code == status
        with_key = httpx2.get(gateway.url + path, headers={"X-API-Key": "k"}, trust_env=False)
        assert with_key.status_code == (404 if path == "/v1/extensions" else 200)


def test_a_server_that_does_not_start_is_shown_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "llamagate.yaml").write_text(
        "mcp: {enabled: true, servers: [{name: a, enabled: true, command: ./none}]}\n"
    )
    with today(tmp_path) as gateway:
        row = httpx2.get(f"{gateway.url}/v1/mcp/servers", trust_env=False).json()["servers"][0]
        refreshed = httpx2.post(f"{gateway.url}/v1/mcp/servers/a/refresh", trust_env=False).json()
    assert (row["status"], row["tools"], row["health"]["healthy"]) == ("disconnected", 0, False)
    assert (refreshed["server"], refreshed["status"]) == ("a", "partial")


def test_a_stream_ends_with_the_count_of_tokens_where_it_is_asked_for(tmp_path: Path) -> None:
    body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "messages": [{"content": "a b"}]}
    with today(tmp_path) as gateway:
        text = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, trust_env=False).text
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}
