"""The gateway's file as others own it, spell it and may read it: whose it stays, and what is shown of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.store.desired_file import GATEWAY_KEYS
from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.cli.test_mcp_servers import SECRET, both, desired, gateway_file, servers

__all__ = ["both", "desired"]

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
OTHER = 4321


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def owner_of(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid


@ROOT_ONLY
def test_root_leaves_the_file_to_its_owner(both: Session) -> None:
    os.chown(gateway_file(both), OTHER, OTHER + 1)
    both.llamagate("disable", "mcp", "files")
    assert owner_of(gateway_file(both)) == (OTHER, OTHER + 1)
    assert mode_of(gateway_file(both)) == 0o600


@ROOT_ONLY
def test_a_file_that_root_makes_is_its_folders_owners(desired: Session) -> None:
    desired.home.mkdir()
    os.chown(desired.home, OTHER, OTHER)
    desired.llamagate("apply")
    assert owner_of(gateway_file(desired)) == (OTHER, OTHER)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o600, 0o400])
def test_a_file_that_has_the_secrets_already_is_narrowed_when_it_is_adopted(both: Session, mode: int) -> None:
    for path in sorted(both.ours.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    gateway_file(both).chmod(mode)
    before = gateway_file(both).read_bytes()
    assert both.actions() == ["adopt files", "adopt search"]
    both.llamagate("apply")
    assert mode_of(gateway_file(both)) == mode & 0o600
    assert gateway_file(both).read_bytes() == before
    assert both.actions() == []


def test_a_file_without_secrets_keeps_its_mode(session: Session) -> None:
    session.home.mkdir()
    gateway_file(session).write_text("mcp:\n  servers:\n  - {name: a, enabled: true, transport: stdio, command: x}\n")
    gateway_file(session).chmod(0o644)
    session.desired("mcp_servers:\n  a: {command: x}\n")
    session.llamagate("apply")
    assert mode_of(gateway_file(session)) == 0o644


SPELLED = """\
mcp:
  servers:
  - NAME: theirs
    Transport: http
    URL: "https://user:s3cr3t-1@h/x?key=s3cr3t-2"
    HEADERS: {X-Any: s3cr3t-3}
    ENV: {ANY: s3cr3t-4}
    ArGs: [--api-key, s3cr3t-5, --token=s3cr3t-6]
    Auth: s3cr3t-7
"""


def test_no_spelling_of_a_key_shows_a_secret(session: Session) -> None:
    """The gateway takes ``HEADERS`` for ``headers``."""
    session.home.mkdir()
    gateway_file(session).write_text(SPELLED)
    session.desired("mcp_servers:\n  theirs: {command: ours}\n")
    commands = [
        ("list",), ("show", "theirs"), ("plan",), ("diff",), ("plan", "--take-over", "theirs"),
        ("init", "--from-installed", "-f", "other.yaml"), ("apply", "--take-over", "theirs"), ("restore", "--list"),
        ("restore", "theirs"), ("status",), ("status", "--diff", "theirs"), ("show", "theirs"), ("doctor",),
    ]  # fmt: skip
    for command in commands:
        for form in ((), ("--json",)):
            result = session.run(*command, *form)
            assert "s3cr3t" not in result.out + result.err, command
    assert "s3cr3t" not in (session.project / "other.yaml").read_text()


def test_who_set_a_value_of_an_entry_that_nobody_lists(both: Session) -> None:
    values = both.llamagate("show", "theirs", "--json").json["config"]
    assert {value["from"] for value in values} == {"gateway"}
    assert {value["from"] for value in both.llamagate("show", "files", "--json").json["config"]} == {
        "file",
        "the environment variable FILES_TOKEN",
    }


def test_set_shows_no_header(both: Session) -> None:
    both.llamagate("set", "search", "headers.X-One=s3cr3t-a", "headers.X-Two={env: FILES_TOKEN}")
    for words in (
        ("headers.X-One=s3cr3t-b",),
        ("--unset", "headers.X-One"),
        ("headers={A: s3cr3t-c}",),
        ("headers={A: s3cr3t-d, B: {env: FILES_TOKEN}}",),
        ("--unset", "headers"),
    ):
        for form in ((), ("--json",)):
            said = both.run("set", "search", *words, *form, "--dry-run")
            assert said.code == 0
            assert "s3cr3t" not in said.out + said.err, words
        both.llamagate("set", "search", *words)
    shown = both.llamagate("set", "search", "headers.X-Two={env: FILES_TOKEN}", "--json").json["edits"]
    assert shown == [{"key": "headers.X-Two", "change": "added", "before": None, "after": {"env": "FILES_TOKEN"}}]


def test_restore_asks_which_kind_is_meant(both: Session) -> None:
    both.llamagate("remove", "mcp", "theirs")
    both.package("theirs")
    both.llamagate("import", "packages/theirs")
    assert "theirs" not in servers(both)
    assert failure(both, "restore", "theirs").code == "ambiguous"
    assert failure(both, "restore", "ext", "theirs").code == "not-found"
    both.llamagate("remove", "ext", "theirs")
    assert failure(both, "restore", "theirs").code == "ambiguous"
    listed = both.llamagate("restore", "theirs", "--list", "--json").json["backups"]
    assert [one["kind"] for one in listed] == ["extension", "mcp-server"]
    both.llamagate("restore", "mcp", "theirs")
    assert "theirs" in servers(both)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("{command: x, args: [--token, s3cr3t-1, --port, '80']}", "x --token (hidden) --port 80"),
        ("{command: x, args: [--api-key=s3cr3t-1]}", "x --api-key=(hidden)"),
        ("{command: x, args: [--header, 'X-Any: s3cr3t-1']}", "x --header X-Any: (hidden)"),
        ("{command: x, args: ['--header=X-Any: s3cr3t-1']}", "x --header=X-Any: (hidden)"),
        ("{command: x, args: ['Authorization: Bearer s3cr3t-1']}", "x Authorization: (hidden)"),
        ("{command: x, args: ['https://h/mcp?a=b&api_key=s3cr3t-1']}", "x https://h/mcp?a=b&api_key=(hidden)"),
        ("{url: 'https://h/mcp?token=s3cr3t-1&a=b'}", "https://h/mcp?token=(hidden)&a=b"),
        ("{command: x, args: ['C:/a', 'http://h:80/a=b']}", "x C:/a http://h:80/a=b"),
    ],
)
def test_no_secret_of_a_server_is_in_what_any_command_shows(session: Session, entry: str, shown: str) -> None:
    session.desired(f"mcp_servers:\n  a: {entry}\n")
    for words in (("plan",), ("apply",), ("list",), ("list", "--columns", "id,source"), ("show", "a"), ("status",)):
        said = session.run(*words)
        assert "s3cr3t" not in said.out + said.err + session.run(*words, "--json").out, words
    assert shown in session.llamagate("list", "--columns", "id,source").out


def test_the_secret_of_an_option_is_hidden_in_ones_own_file_too(session: Session) -> None:
    session.variables["NAME"] = SECRET
    session.desired(
        "mcp_servers:\n  a: {command: x, args: [--token, s3cr3t-1, --key-file, f, --api-key=s3cr3t-2, {env: NAME}]}\n"
    )
    for command in (("plan",), ("apply",), ("show", "a"), ("diff", "@1"), ("set", "a", "args=[--token, s3cr3t-3]")):
        said = session.run(*command, "--json")
        assert "s3cr3t" not in said.out + said.err, command
    assert SECRET in gateway_file(session).read_text()


def test_an_editors_schema_knows_the_gateways_own_keys(session: Session) -> None:
    schema = session.llamagate("schema", "desired-state", "--json").json
    own = {key for key, value in schema["properties"].items() if value.get("$ref") == "#/$defs/gateways_own"}
    assert own == GATEWAY_KEYS
