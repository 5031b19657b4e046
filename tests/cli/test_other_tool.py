"""Another tool, such as the gateway's own, updated an item: that is said, and left alone until somebody decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.failures import refused
from tests.cli.shell import Session

REPORT = "policy: {drift: {edited: report}}\n"
HEAL = "policy: {drift: {edited: heal}}\n"


@pytest.fixture
def foo(session: Session) -> Session:
    session.package("foo", files={"templates/a.txt": "one\n"})
    desire(session)
    session.llamagate("apply")
    session.write(str(session.installed("foo", "notes.local")), "mine\n")
    return session


def desire(session: Session, policy: str = "") -> None:
    session.desired(f"extensions:\n  foo: ./packages/foo\n{policy}")


def updated(session: Session, version: str = "2.0.0") -> dict[str, Any]:
    """What another tool leaves: its package in the folder, and its version in the registry."""
    manifest = session.installed("foo", "manifest.yaml")
    manifest.write_text(manifest.read_text().replace("1.0.0", version))
    session.installed("foo", "theirs.txt").write_text("theirs\n")
    entry = {**session.registered()["foo"], "version": version}
    session.registry.write_text(json.dumps([entry]))
    return entry


def state_in_list(session: Session) -> str:
    heads, row = session.llamagate("list").out.splitlines()
    at = heads.index("STATE")
    return row[at:].split()[0]


@pytest.mark.parametrize("command", ["apply", "watch --once"])
def test_it_is_drift_of_the_whole_item_and_nothing_is_written(foo: Session, command: str) -> None:
    updated(foo)
    before = foo.everything()
    assert [(row["path"], row["change"]) for row in foo.plan()["drift"]] == [(".", "other-version")]
    assert foo.actions() == []
    foo.llamagate(*command.split())
    foo.llamagate("verify", exits=3)
    status = foo.llamagate("status", "--json").json
    assert (status["in_sync"], [row["change"] for row in status["drift"]]) == (False, ["other-version"])
    assert {path: data for path, data in foo.everything().items() if "/reconciler/" not in path} == {
        path: data for path, data in before.items() if "/reconciler/" not in path
    }


def test_list_shows_the_version_on_disk(foo: Session) -> None:
    updated(foo)
    [item] = foo.llamagate("list", "--json").json["items"]
    assert item["version"] == "2.0.0"
    assert state_in_list(foo) == "changed"


def test_list_says_of_an_edited_item_that_it_changed(foo: Session) -> None:
    assert state_in_list(foo) == "installed"
    foo.installed("foo", "templates/a.txt").write_text("two\n")
    assert state_in_list(foo) == "changed"


def test_status_says_how_to_put_it_back(foo: Session) -> None:
    updated(foo)
    assert "'llamagate apply --overwrite --only ID' puts back the version that the file lists" in status_text(foo)
    foo.llamagate("apply", "--overwrite", "--only", "foo")
    assert "--overwrite" not in status_text(foo)


def status_text(session: Session) -> str:
    return session.llamagate("status").out


@pytest.mark.parametrize(
    ("version", "policy", "flags", "action"),
    [
        ("2.0.0", "", ["--overwrite"], "downgrade"),
        ("0.9.0", "", ["--overwrite"], "update"),
        ("2.0.0", HEAL, [], "downgrade"),
    ],
    ids=["overwrite", "overwrite an older one", "heal"],
)
def test_it_is_put_back_when_asked_for(foo: Session, version: str, policy: str, flags: list[str], action: str) -> None:
    updated(foo, version)
    desire(foo, policy)
    [planned] = foo.plan(*flags)["actions"]
    assert (planned["action"], planned["from_version"], planned["to_version"]) == (action, version, "1.0.0")
    foo.llamagate("apply", *flags)
    assert "version: 1.0.0" in foo.installed("foo", "manifest.yaml").read_text()
    assert not foo.installed("foo", "theirs.txt").exists()
    [backup] = foo.llamagate("restore", "foo", "--list", "--json").json["backups"]
    assert (foo.project / backup["path"] / "theirs.txt").read_text() == "theirs\n"
    assert foo.registered()["foo"]["version"] == "1.0.0"
    foo.llamagate("verify")


def test_an_update_over_it_is_a_conflict(foo: Session) -> None:
    updated(foo)
    foo.package("foo", version="3.0.0")
    assert refused(foo, "apply") == ["foo conflict"]
    assert "version 2.0.0" in foo.plan()["refusals"][0]["message"]
    [action] = foo.plan()["actions"]
    assert (action["from_version"], action["to_version"]) == ("2.0.0", "3.0.0")
    foo.llamagate("apply", "--overwrite")
    assert foo.registered()["foo"]["version"] == "3.0.0"


def test_a_new_configuration_is_not_written_into_it(foo: Session) -> None:
    updated(foo)
    foo.desired("extensions:\n  foo: {source: ./packages/foo, config: {interval: 9}}\n")
    assert refused(foo, "apply") == ["foo conflict"]


def test_a_file_that_asks_for_the_same_package_takes_it_as_it_is(foo: Session) -> None:
    updated(foo)
    foo.package("foo", version="2.0.0", files={"templates/a.txt": "one\n", "theirs.txt": "theirs\n"})
    before = foo.installed("foo", "manifest.yaml").stat().st_ino
    [planned] = foo.plan()["actions"]
    assert (planned["action"], planned["to_version"]) == ("update", "2.0.0")
    foo.llamagate("apply")
    assert foo.installed("foo", "manifest.yaml").stat().st_ino == before
    foo.llamagate("verify")


def test_to_disable_it_leaves_its_version_in_the_registry(foo: Session) -> None:
    before = updated(foo)
    foo.llamagate("disable", "foo")
    after = foo.registered()["foo"]
    assert (after["enabled"], after["version"]) == (False, before["version"]) == (False, "2.0.0")


@pytest.mark.parametrize(
    ("theirs", "flags"), [("2.0.0", ["--allow-downgrade"]), ("0.9.0", [])], ids=["a newer one", "an older one"]
)
def test_an_import_of_what_was_there_does_not_say_that_it_is_there(foo: Session, theirs: str, flags: list[str]) -> None:
    updated(foo, theirs)
    assert refused(foo, "import", "packages/foo", *flags) == ["foo conflict"]
    foo.llamagate("import", "packages/foo", *flags, "--overwrite")
    assert "version: 1.0.0" in foo.installed("foo", "manifest.yaml").read_text()
    assert foo.registered()["foo"]["version"] == "1.0.0"


def test_sync_takes_it(foo: Session) -> None:
    updated(foo)
    foo.llamagate("sync")
    assert foo.record()["items"][0]["manifest"]["version"] == "2.0.0"


# Beside other things


STATE = "output/state.txt"


@pytest.fixture
def keeper(session: Session) -> Session:
    """A package with a file that its program edits, which it did."""
    session.package("foo", files={STATE: "start\n"})
    desire(session)
    session.llamagate("apply")
    session.installed("foo", STATE).write_text("mine\n")
    updated(session)
    return session


def test_what_the_program_edits_stays_when_it_is_put_back(keeper: Session) -> None:
    keeper.llamagate("apply", "--overwrite")
    assert keeper.registered()["foo"]["version"] == "1.0.0"
    assert keeper.installed("foo", STATE).read_text() == "mine\n"
    keeper.llamagate("verify")


def test_what_the_program_edits_is_no_conflict_with_the_same_package(keeper: Session) -> None:
    keeper.package("foo", version="2.0.0", files={STATE: "start\n", "theirs.txt": "theirs\n"})
    assert keeper.actions() == ["update foo"]
    keeper.llamagate("apply")
    assert keeper.installed("foo", STATE).read_text() == "mine\n"
    keeper.llamagate("verify")


def test_other_executable_bits_are_not_written_into_it(foo: Session) -> None:
    updated(foo)
    (foo.project / "packages/foo/templates/a.txt").chmod(0o755)
    assert refused(foo, "apply") == ["foo conflict"]


def test_a_link_in_its_place_is_no_other_version(foo: Session) -> None:
    updated(foo)
    place = Path(foo.installed("foo"))
    place.rename(foo.base / "elsewhere")
    place.symlink_to(foo.base / "elsewhere")
    assert "replaced" in [row["change"] for row in foo.plan()["drift"]]


@pytest.mark.parametrize(
    ("command", "to"), [("disable foo", "2.0.0"), ("remove foo", None), ("apply", "2.0.0")], ids=["off", "gone", "file"]
)
def test_an_action_names_the_version_that_is_there(foo: Session, command: str, to: str | None) -> None:
    updated(foo)
    foo.desired("extensions:\n  foo: {source: ./packages/foo, enabled: false}\n")
    [action] = foo.llamagate(*command.split(), "--json").json["actions"]
    assert (action["from_version"], action["to_version"]) == ("2.0.0", to)


def test_a_take_over_replaces_it(session: Session) -> None:
    session.package("foo")
    session.llamagate("import", "packages/foo")
    updated(session)
    desire(session)
    assert refused(session, "apply") == ["foo unowned"]
    session.llamagate("apply", "--take-over", "foo")
    assert session.registered()["foo"]["version"] == "1.0.0"
    assert (session.ours / "backups/extension/foo/2/theirs.txt").exists()
    session.llamagate("verify")


def test_a_registry_that_is_rebuilt_says_what_is_on_disk(foo: Session) -> None:
    updated(foo)
    foo.registry.write_text("{")
    foo.llamagate("apply")
    assert foo.registered()["foo"]["version"] == "2.0.0"
    assert [row["change"] for row in foo.plan()["drift"]] == ["other-version"]


def test_list_shows_the_version_on_disk_whatever_the_registry_says(foo: Session) -> None:
    foo.edit(foo.installed("foo", "manifest.yaml"), "1.0.0", "2.0.0")
    [item] = foo.llamagate("list", "--json").json["items"]
    assert (item["version"], state_in_list(foo)) == ("2.0.0", "changed")


def test_list_shows_the_version_on_disk_where_the_policy_ignores_it(foo: Session) -> None:
    updated(foo)
    desire(foo, "policy: {drift: {edited: ignore}}\n")
    for command in ("list", "status"):
        [item] = foo.llamagate(command, "--json").json["items"]
        assert item["version"] == "2.0.0"


def test_a_link_at_a_file_of_the_program_does_not_stay(keeper: Session) -> None:
    place = keeper.installed("foo", STATE)
    place.unlink()
    place.symlink_to(keeper.project / "llamagate.yaml")
    keeper.llamagate("apply", "--overwrite")
    assert (place.is_symlink(), place.read_text()) == (False, "start\n")
    keeper.llamagate("verify")


def test_a_folder_at_a_file_of_the_program_makes_room(keeper: Session) -> None:
    place = keeper.installed("foo", STATE)
    place.unlink()
    keeper.write(str(place / "deep.txt"), "deep\n")
    keeper.llamagate("apply", "--overwrite")
    assert place.read_text() == "start\n"
    assert (keeper.ours / "backups/extension/foo/2" / STATE / "deep.txt").exists()
    keeper.llamagate("verify")


@pytest.mark.parametrize("cure", ["apply --take-over foo", "sync"])
def test_a_file_for_what_is_installed_says_how_it_can_be_applied(session: Session, cure: str) -> None:
    session.package("foo")
    session.llamagate("import", "packages/foo")
    updated(session)
    assert "apply --take-over foo" in session.llamagate("init", "--from-installed").err
    assert refused(session, "apply") == ["foo unowned"]
    if cure == "sync":
        session.llamagate("sync")
        (session.project / "llamagate.yaml").unlink()
        session.llamagate("init", "--from-installed")
        cure = "apply"
    session.llamagate(*cure.split())
    session.llamagate("verify")
