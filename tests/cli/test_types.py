"""An extension and a tool server of one id: every command that takes an id is told which one is meant, or asks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.failures import failure, refused
from tests.cli.shell import Session
from tests.cli.test_mcp_servers import gateway_file, servers

BOTH = "extensions:\n  files: ./packages/files\nmcp_servers:\n  files: {command: c}\n"


@pytest.fixture
def twins(session: Session) -> Session:
    """Both are installed, and named ``files``."""
    session.package("files")
    session.desired(BOTH)
    session.llamagate("apply")
    return session


@pytest.mark.parametrize(
    "words",
    [
        ("show", "files"),
        ("why", "files"),
        ("diff", "files"),
        ("status", "--diff", "files"),
        ("suspend", "files", "--reason", "r"),
        ("plan", "--only", "files"),
        ("plan", "--take-over", "files"),
        ("apply", "--only", "files"),
        ("apply", "--take-over", "files"),
        ("enable", "files"),
        ("disable", "files"),
        ("remove", "files"),
        ("set", "files", "a=1"),
        ("export", "files", "--out", "x.zip"),
    ],
    ids=" ".join,
)
def test_an_id_of_two_kinds_is_asked_about(twins: Session, words: tuple[str, ...]) -> None:
    assert failure(twins, *words).code == "ambiguous"


@pytest.mark.parametrize("kind", ["extension", "mcp-server"])
def test_the_type_says_which_one(twins: Session, kind: str) -> None:
    assert twins.llamagate("show", kind, "files", "--json").json["kind"] == kind
    assert twins.llamagate("why", kind, "files", "--json").json["kind"] == kind
    twins.llamagate("diff", kind, "files")
    twins.llamagate("status", "--diff", f"{kind}/files")
    twins.llamagate("plan", "--only", f"{kind}/files")


def test_only_one_of_them_is_changed(twins: Session) -> None:
    twins.package("files", version="1.1.0")
    twins.edit("llamagate.yaml", "command: c", "command: d")
    assert twins.actions("--only", "mcp/files") == ["update files"]
    assert twins.plan("--only", "ext/files")["actions"][0]["kind"] == "extension"
    twins.llamagate("apply", "--only", "mcp/files")
    assert servers(twins)["files"]["command"] == "d"
    assert twins.plan()["actions"][0]["kind"] == "extension"


def test_only_one_of_them_is_taken_over(session: Session) -> None:
    session.home.mkdir()
    gateway_file(session).write_text("mcp:\n  servers:\n  - {name: files, command: theirs}\n")
    session.write(str(session.installed("files", "manifest.yaml")), "name: files\nversion: 9.0.0\ntype: workflow\n")
    session.package("files")
    session.desired(BOTH)
    assert refused(session, "plan") == ["files unowned", "files unowned"]
    assert refused(session, "plan", "--take-over", "ext/files") == ["files unowned"]
    assert refused(session, "plan", "--take-over", "mcp/files") == ["files unowned"]
    session.llamagate("plan", "--take-over", "mcp/files", "--take-over", "extension/files")


def test_only_one_of_them_is_paused(twins: Session) -> None:
    twins.package("files", version="1.1.0")
    twins.edit("llamagate.yaml", "command: c", "command: d")
    twins.llamagate("suspend", "mcp", "files", "--reason", "one")
    twins.llamagate("watch", "--once")
    assert (twins.registered()["files"]["version"], servers(twins)["files"]["command"]) == ("1.1.0", "c")
    assert twins.llamagate("show", "ext", "files", "--json").json["suspended"] is None
    assert twins.llamagate("show", "mcp", "files", "--json").json["suspended"] == "one"
    paused = twins.llamagate("status", "--json").json["suspensions"]
    assert [(row["kind"], row["id"]) for row in paused] == [("mcp-server", "files")]
    twins.llamagate("suspend", "ext", "files", "--reason", "two")
    assert failure(twins, "resume", "files").code == "ambiguous"
    assert twins.llamagate("resume", "ext", "files", "--json").json["reason"] == "two"
    assert twins.llamagate("resume", "files", "--json").json["reason"] == "one"
    twins.llamagate("watch", "--once")
    assert servers(twins)["files"]["command"] == "d"


def test_what_an_older_version_paused_is_each_of_them(twins: Session) -> None:
    twins.llamagate("suspend", "mcp", "files", "--reason", "one")
    rewrite_suspension(twins)
    assert {twins.llamagate("show", kind, "files", "--json").json["suspended"] for kind in ("ext", "mcp")} == {"one"}
    assert twins.llamagate("resume", "ext", "files", "--json").json["resumed"] is True


@pytest.mark.parametrize("words", [("resume", "ext", "files"), ("suspend", "ext", "files", "--reason", "two")])
def test_what_an_older_version_paused_stays_paused_for_the_other_one(twins: Session, words: tuple[str, ...]) -> None:
    twins.llamagate("suspend", "mcp", "files", "--reason", "one")
    rewrite_suspension(twins)
    twins.llamagate(*words)
    found = {kind: twins.llamagate("show", kind, "files", "--json").json["suspended"] for kind in ("ext", "mcp")}
    assert found == {"ext": None if words[0] == "resume" else "two", "mcp": "one"}
    twins.edit("llamagate.yaml", "command: c", "command: d")
    twins.llamagate("watch", "--once")
    assert servers(twins)["files"]["command"] == "c"


def rewrite_suspension(session: Session) -> None:
    """Write the record again without the kind, as a version did that knew none."""
    from msgspec.structs import replace

    from reconciler.model.home import Home
    from reconciler.store.state_files import read_record
    from reconciler.store.write import write_record

    home = Home(session.home)
    record, _ = read_record(home)
    write_record(home, replace(record, suspensions=tuple(replace(one, kind=None) for one in record.suspensions)))


def test_an_upgrade_is_of_packages(twins: Session) -> None:
    assert "no versions" in failure(twins, "upgrade", "files").message
    assert "no versions" in failure(twins, "upgrade", "ext", "files").message
    assert "tool server" in failure(twins, "upgrade", "mcp", "files").message
    assert "tool server" in failure(twins, "lock", "--upgrade", "mcp", "files").message


@pytest.mark.parametrize("word", ["other/files", "mcp/", "/files", "mcp/files/x"])
def test_a_word_that_names_nothing(twins: Session, word: str) -> None:
    found: Any = twins.run("plan", "--only", word)
    assert found.code in (1, 64)
    assert "Traceback" not in found.err


def test_the_page_says_how_to_restore_it(twins: Session) -> None:
    gateway_file(twins).write_text(gateway_file(twins).read_text().replace("command: c", "command: edited"))
    twins.llamagate("remove", "mcp", "files")
    twins.llamagate("apply")
    assert "llamagate restore mcp-server files --from" in twins.llamagate("show", "mcp", "files").out
