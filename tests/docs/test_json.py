"""The table of JSON documents has the keys that the commands print, and no others."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.shell import Session
from tests.docs.pages import chapter, page, rows
from tests.support.packages import MANIFEST

ENDPOINTS = MANIFEST.format(id="a", version="1.0.0") + "endpoints: [{path: /x, method: post}]\n"


def _documented(command: str) -> set[str]:
    table = [(cells[0].replace("`", ""), cells[1]) for cells in rows(chapter(page("commands.md"), "JSON"))]
    cell = next(cell for name, cell in table if command == name or command in name.split(", "))
    return set(re.findall(r'"([a-z_]+)"', cell))


def _keys(document: Any) -> set[str]:
    """Every key in ``document``; a plan's ``diff`` holds whatever a manifest does."""
    if isinstance(document, list):
        return set().union(*map(_keys, document))
    if not isinstance(document, dict):
        return set()
    return {*document, *_keys([value for key, value in document.items() if key != "diff"])}


@pytest.fixture
def drifted(session: Session) -> Session:
    """A home with a backup, a generation before the last, and a file that is missing."""
    session.extensions("a")
    session.llamagate("apply")
    session.package("a", version="2.0.0")
    session.llamagate("apply")
    session.installed("a", "manifest.yaml").unlink()
    return session


@pytest.mark.parametrize(
    "command",
    [
        "history",
        "list",
        "restore --list",
        "export",
        "suspend",
        "resume",
        "recover",
        "validate",
        "lock",
        "lock --check FILE…",
        "status --diff",
    ],
)
def test_a_document_is_as_the_table_says(drifted: Session, command: str) -> None:
    arguments = {
        "restore --list": ("restore", "a", "--list"),
        "export": ("export", "a", "--out", "a.zip"),
        "status --diff": ("status", "--diff", "a"),
        "lock --check FILE…": ("lock", "--check", "llamagate.yaml"),
        "suspend": ("suspend", "a", "--reason", "x"),
    }
    document = drifted.llamagate(*arguments.get(command, (command,)), "--json").json
    assert _keys(document) == _documented(command)


def test_that_of_explain(session: Session) -> None:
    code, key = (session.llamagate("explain", word, "--json").json for word in ("conflict", "policy"))
    for one in key["keys"]:
        one["examples"] = []  # they hold whatever a file does
    assert _keys(code) | _keys(key) == _documented("explain")


def test_that_of_a_diff(drifted: Session) -> None:
    drifted.installed("a", "manifest.yaml").write_text("x: 1\n")
    assert _keys(drifted.llamagate("diff", "--json").json) == _documented("diff")
    assert _keys(drifted.llamagate("diff", "@1", "--json").json) == _documented("diff")


def test_that_of_show_and_why(session: Session) -> None:
    config = "config: {x: 1}, version: ^1"
    session.package("a", files={"manifest.yaml": ENDPOINTS})
    session.module("m", "a")
    session.desired(f"extensions: {{a: {{source: ./packages/a, {config}}}}}\nmodules: {{m: ./packages/m}}\n")
    session.llamagate("apply")
    session.installed("a", "manifest.yaml").unlink()
    shown, of_module = (session.llamagate("show", item, "--json").json for item in ("a", "m"))
    assert _keys(shown) - {"dir"} == _documented("show")
    assert set(of_module) == set(shown)
    assert _keys(session.llamagate("graph", "--json").json) == _documented("graph")
    why = session.llamagate("why", "a", "--json").json
    assert _keys(why) - {"how"} == _documented("why")


def test_that_of_catalogs(session: Session) -> None:
    session.package("a", files={"manifest.yaml": ENDPOINTS})
    session.llamagate("catalog", "build", "packages")
    assert _keys(session.llamagate("search", "--catalog", "packages", "--json").json) == _documented("search")
    session.package("b")
    session.llamagate("import", "packages/b")
    found = session.llamagate("show", "a", "--catalog", "packages", "--json").json
    parts = {*_documented("show, of a catalog"), "key", "value", "from", "line", "method", "requires_auth"}
    assert _keys(found) == parts


def test_that_of_an_edit(session: Session) -> None:
    session.package("a")
    assert _keys(session.llamagate("add", "a", "packages/a", "--json").json) == _documented("add")
    assert _keys(session.llamagate("set", "a", "x=1", "--json").json) == _documented("set")


def test_that_of_one_generation(drifted: Session) -> None:
    assert _keys(drifted.llamagate("history", "2", "--json").json) == _documented("history N")


def test_that_of_verify(drifted: Session) -> None:
    assert _keys(drifted.llamagate("verify", "--json", exits=3).json) == _documented("verify")


def test_that_of_a_plan(drifted: Session) -> None:
    drifted.extensions("a", "b")
    drifted.write(str(drifted.installed("b", "manifest.yaml")), "name: b\n")
    assert _keys(drifted.plan()) == _documented("plan")


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "packages/a"),
        ("enable", "a"),
        ("disable", "a"),
        ("remove", "a"),
        ("rollback",),
        ("restore", "a"),
        ("sync",),
        ("migrate", "packages"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_that_of_a_command_is_that_of_a_plan(drifted: Session, arguments: tuple[str, ...]) -> None:
    plan = set(drifted.plan())
    assert set(drifted.llamagate(*arguments, "--dry-run", "--json").json) == plan
    assert set(drifted.llamagate(*arguments, "--json").json) == plan | {"outcome", "hold", "gateway"}
    assert _documented(arguments[0]) == _documented("plan")


def test_that_of_a_file_in_a_diff(session: Session) -> None:
    names = ["edited", "binary", "wrapped", "long", "run", "renamed", "other"]
    session.package("a", files={f"{name}.md": "one two\nthree\n" for name in names})
    session.desired("extensions: {a: {source: ./packages/a, config: {x: {env: X}}}}\n")
    session.variables["X"] = "1"
    session.llamagate("apply")
    session.variables["X"] = "2"
    for name, content in (("edited", "\u202etwo\n"), ("wrapped", "one\ntwo three\n"), ("long", "x\n" * 50_001)):
        session.write(f"packages/a/{name}.md", content)
    session.write("packages/a/binary.md", b"\0")
    session.write("packages/a/other.md", "one tw\xf6\r\nthree\r\n".encode("latin-1"))
    (session.project / "packages/a/renamed.md").rename(session.project / "packages/a/another.md")
    (session.project / "packages/a/run.md").chmod(0o755)
    found = _keys(session.plan()["actions"][0]["diff"]["files"])
    for cached in (session.home / "reconciler/cache").iterdir():
        cached.unlink()
    found |= _keys(session.plan()["actions"][0]["diff"]["files"])
    assert found == _documented("a file in actions[].diff.files")


def test_that_of_status(drifted: Session) -> None:
    drifted.llamagate("remove", "a")
    drifted.llamagate("suspend", "--reason", "x")
    document = drifted.llamagate("status", "--json").json
    assert _keys({**document, "items": [], "drift": []}) == _documented("status")


def test_that_of_doctor(drifted: Session) -> None:
    drifted.llamagate("remove", "a")
    assert _keys(drifted.llamagate("doctor", "--json").json) == _documented("doctor")


def test_that_of_a_failure(session: Session) -> None:
    session.write("p/manifest.yaml", "name: p\n")
    failed = session.llamagate("import", "p", "--json", exits=1).json
    assert _keys(failed) == _documented("when it fails")
