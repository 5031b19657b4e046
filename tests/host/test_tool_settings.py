"""The gateway's own file: its tool servers, and what may be called of them."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import InputError
from reconciler.host.mcp.definitions import MAX_BYTES, ToolSettings, Transport, read_tool_settings, tool_settings
from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.servers import found_server
from tests.cli.shell import Session

STDIO: JsonObject = {"name": "files", "enabled": True, "command": "npx", "args": ["-y", "x@1", 7], "env": {"A": True}}
HTTP: JsonObject = {
    "name": "web",
    "enabled": True,
    "url": "https://example.org/mcp",
    "headers": {"Authorization": "Bearer secret"},
}


def settings(*rows: Any, **mcp: Any) -> ToolSettings:
    return tool_settings({"mcp": {"servers": [*rows], **mcp}})


def test_both_kinds_and_their_defaults() -> None:
    found = settings(
        STDIO, HTTP, {**HTTP, "name": "old", "transport": "sse", "timeout": "1m30s"}, default_tool_timeout="5s"
    )
    files, web, old = (found.server(name) for name in ("files", "web", "old"))
    assert (files.transport, files.args, files.env, files.seconds) == (
        Transport.STDIO,
        ("-y", "x@1", "7"),
        {"A": "true"},
        5.0,
    )
    assert (web.transport, old.transport, old.seconds) == (Transport.HTTP, Transport.SSE, 90.0)
    assert "secret" not in repr(web)


def test_keys_know_no_case_but_names_of_variables_do() -> None:
    row: JsonObject = {"Name": "files", "Enabled": True, "Command": "x", "Env": {"aB": "c"}}
    found = tool_settings({"MCP": {"Servers": [row]}})
    assert found.server("files").env == {"aB": "c"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "x"}, "needs 'command'"),
        ({"name": "x", "transport": "http"}, "needs 'url'"),
        ({"name": "x", "transport": "tcp", "url": "http://a"}, "none of stdio, http, sse"),
        ({"name": "x", "url": "file:///etc/passwd"}, "must begin with http"),
        ({"name": "x", "command": "a", "timeout": "soon"}, "write 30s"),
        ({"name": "x", "command": "a", "env": {"A=B": "c"}}, "cannot be passed on"),
        ({"name": "x", "url": "http://a", "headers": {"A": "b\r\nC: d"}}, "not printable ASCII"),
        ({"name": "x", "command": "a", "enabled": False}, "is disabled"),
        ({"name": "y", "command": "a"}, "there is no tool server 'x'"),
    ],
)
def test_one_that_cannot_be_used_is_a_sentence_and_others_can(row: JsonObject, said: str) -> None:
    found = settings(row, STDIO)
    with pytest.raises(InputError, match=said):
        found.server("x")
    assert found.server("files").command == "npx"


@pytest.mark.parametrize(
    ("said", "is_on"),
    [
        ({}, False),
        ({"enabled": None}, False),
        ({"enabled": False}, False),
        ({"enabled": 0}, False),
        ({"enabled": []}, False),
        ({"enabled": "yes"}, False),
        ({"enabled": True}, True),
        ({"Enabled": True}, True),
        ({"enabled": 1}, True),
        ({"enabled": "true"}, True),
    ],
    ids=str,
)
def test_the_host_and_show_say_of_one_server_what_the_gateway_does(said: JsonObject, is_on: bool) -> None:
    row: JsonObject = {"name": "x", "command": "a", **said}
    assert settings(row).servers["x"].enabled is found_server(row).enabled is is_on


@pytest.mark.parametrize(
    "document", [None, [], {"mcp": 7}, {"mcp": {"servers": {"a": 1}}}, {"mcp": {"servers": [7, None]}}]
)
def test_what_is_no_list_of_servers_is_none(document: Any) -> None:
    assert tool_settings(document).servers == {}


def test_two_of_one_name_are_none() -> None:
    with pytest.raises(InputError, match="two servers have this name"):
        settings(STDIO, STDIO).server("files")


@pytest.mark.parametrize(
    ("allow", "deny", "permitted"),
    [
        ([], [], True),
        (["mcp.files.*"], [], True),
        (["mcp.web.*"], [], False),
        ([], ["mcp.files.read"], False),
        (["mcp.files.*"], ["*.read"], False),
        (["read"], [], True),
        (["files.r*"], ["mcp.files.write"], True),
    ],
)
def test_what_denies_wins(allow: list[str], deny: list[str], permitted: bool) -> None:
    assert (settings(allow_tools=allow, deny_tools=deny).refusal("files", "read") is None) is permitted


@pytest.mark.parametrize("pattern", ["mcp.web.*", "web.*", "mcp.web.read"])
def test_no_server_is_allowed_what_another_one_is(pattern: str) -> None:
    found = settings(allow_tools=[pattern])
    assert found.refusal("files", "mcp.web.read") == "allow_tools does not name it"
    assert found.refusal("files", "web.read") == "allow_tools does not name it"
    assert found.refusal("web", "read") is None
    assert settings(allow_tools=["files.web.*"]).refusal("files", "web.read") is None


def test_a_size_has_a_bound() -> None:
    assert settings(max_tool_result_size=10**12).most == MAX_BYTES
    assert settings(max_tool_result_size=-1).most == settings().most


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no"),
        ("mcp: [", "cannot be read"),
        ("mcp: {enabled: false, servers: [{name: files, command: x}]}", "switched off"),
    ],
)
def test_a_file_that_says_nothing_is_a_sentence(text: str | None, said: str, session: Session) -> None:
    session.home.mkdir()
    if text is not None:
        (session.home / "llamagate.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        read_tool_settings(Home(session.home)).server("files")
