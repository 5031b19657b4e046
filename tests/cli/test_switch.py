"""``llamagate enable`` and ``llamagate disable``: the registry's entry, for both kinds, and nothing else."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.cli.failures import failure
from tests.cli.parcels import formed
from tests.cli.shell import Session, snapshot


@pytest.fixture(params=["gateway", "module", "task", "task-module"])
def foo(session: Session, request: pytest.FixtureRequest) -> Session:
    """An item of either kind and dialect, imported."""
    formed(session, request.param)
    session.llamagate("import", "packages/foo")
    return session


@pytest.fixture
def bar(session: Session) -> Session:
    """One extension, imported."""
    session.package("bar")
    session.llamagate("import", "packages/bar")
    return session


def test_a_switch_against_the_file_that_finds_nothing_to_do_still_sets_its_hold(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("disable", "foo")
    session.desired("extensions:\n  foo: {source: ./packages/foo, enabled: true}\n")
    done = session.llamagate("disable", "foo", "--json").json
    assert (done["changes"], "hold-set" in str(done["warnings"])) == (False, True)
    assert session.record()["hold"]["generation"] == done["hold"]["generation"] == 2
    session.llamagate("watch", "--once")
    assert session.registered()["foo"]["enabled"] is False


@pytest.mark.parametrize("command", ["disable foo", "enable foo", "remove foo"])
@pytest.mark.parametrize("changes", [True, False], ids=["something to do", "nothing to do"])
def test_beside_a_file_that_cannot_be_read_it_sets_a_hold(session: Session, command: str, changes: bool) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("disable" if command.startswith("enable") is changes else "enable", "foo")
    session.llamagate("resume")
    session.write("llamagate.yaml", "apiVersion: [\n")
    done = session.llamagate(*command.split(), "--json").json
    assert done["hold"]["reason"] == f"'llamagate {command.split()[0]}' may contradict llamagate.yaml"
    assert "file-disagrees" in [one["code"] for one in done["warnings"]]


def test_disable_and_enable(foo: Session) -> None:
    files = [snapshot(foo.home / part) for part in ("extensions", "agentic-modules")]
    before = foo.registered()["foo"]
    done = foo.llamagate("disable", "foo", "--json").json
    assert (done["generation"], [action["action"] for action in done["actions"]]) == (2, ["disable"])
    after = foo.registered()["foo"]
    assert {key for key in before if before[key] != after[key]} == {"enabled", "last_updated_at"}
    assert (after["enabled"], foo.record()["items"][0]["enabled"]) == (False, False)
    assert foo.llamagate("list", "--json").json["items"][0]["enabled"] is False
    foo.llamagate("enable", "foo")
    assert (foo.registered()["foo"]["enabled"], foo.record()["items"][0]["enabled"]) == (True, True)
    assert [snapshot(foo.home / part) for part in ("extensions", "agentic-modules")] == files


@pytest.mark.parametrize(("verb", "word"), [("enable", "ext"), ("disable", "extension")])
def test_type_words(bar: Session, verb: str, word: str) -> None:
    bar.llamagate(verb, word, "bar")
    assert bar.registered()["bar"]["enabled"] is (verb == "enable")


def test_what_is_so_already_changes_nothing(bar: Session) -> None:
    before = bar.everything()
    done = bar.llamagate("enable", "bar", "--json").json
    assert (done["changes"], done["generation"]) == (False, 1)
    assert bar.everything() == before


@pytest.mark.parametrize("verb", ["enable", "disable"])
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["barr"], "'bar'?"),
        (["module", "bar"], "extension 'bar'"),
        (["zzz"], "'zzz'"),
        (["../bar"], "'bar'?"),
    ],
    ids=["misspelt", "wrong-type", "unknown", "path"],
)
def test_what_is_not_there(bar: Session, verb: str, words: list[str], named: str) -> None:
    before = bar.everything()
    assert named in failure(bar, verb, *words).message
    assert bar.everything() == before


def test_edits_and_missing_files_are_left_as_they_are(bar: Session) -> None:
    """A switch heals nothing, whatever the policy says."""
    bar.desired("policy: {drift: {edited: heal, missing: heal}}\n")
    bar.installed("bar", "manifest.yaml").unlink()
    bar.llamagate("disable", "bar")
    assert not bar.installed("bar", "manifest.yaml").exists()
    assert bar.registered()["bar"]["enabled"] is False


def test_an_item_of_something_else_is_switched_in_the_registry_alone(bar: Session) -> None:
    entry = bar.registered()["bar"] | {"id": "theirs", "name": "theirs", "colour": "blue"}
    bar.registry.write_text(json.dumps([entry]))
    shutil.copytree(bar.installed("bar"), bar.installed("theirs"))
    bar.llamagate("disable", "theirs")
    found = bar.registered()["theirs"]
    assert (found["enabled"], found["colour"]) == (False, "blue")
    assert [item["id"] for item in bar.record()["items"]] == ["bar"]


def test_what_nobody_registered_says_what_to_do(bar: Session) -> None:
    shutil.copytree(bar.installed("bar"), bar.installed("found"))
    before = bar.everything()
    assert "'llamagate sync'" in failure(bar, "disable", "found").message
    assert bar.everything() == before


def test_a_lost_entry_is_made_again(bar: Session) -> None:
    bar.registry.write_text("[]")
    bar.llamagate("disable", "bar")
    assert bar.registered()["bar"]["enabled"] is False


def test_a_hostile_id_is_switched_and_leads_nowhere(bar: Session) -> None:
    entry = bar.registered()["bar"] | {"id": "../../../precious"}
    bar.registry.write_text(json.dumps([entry]))
    before = snapshot(bar.home / "extensions")
    bar.llamagate("disable", "../../../precious")
    assert bar.registered()["../../../precious"]["enabled"] is False
    assert snapshot(bar.home / "extensions") == before


def test_a_switch_of_another_program_is_known_to_the_next_generation(bar: Session) -> None:
    """A generation lists what was true, not what we last wrote."""
    bar.registry.write_text(json.dumps([bar.registered()["bar"] | {"enabled": False}]))
    bar.package("foo")
    bar.llamagate("import", "packages/foo")
    assert {item["id"]: item["enabled"] for item in bar.record()["items"]} == {"bar": False, "foo": True}


def test_where_the_file_is_silent_an_apply_keeps_the_switch(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("disable", "foo")
    assert session.actions() == []
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    assert session.registered()["foo"]["enabled"] is False


@pytest.mark.parametrize("flag", ["--dry-run"])
def test_a_dry_run_switches_nothing(bar: Session, flag: str) -> None:
    before = bar.everything()
    done = bar.llamagate("disable", "bar", flag, "--json").json
    assert [action["action"] for action in done["actions"]] == ["disable"]
    assert bar.everything() == before


def test_builtin_items_cannot_be_disabled(session: Session) -> None:
    """The reference forces them on: a disabled entry would be a lie."""
    session.package("foo")
    session.edit("packages/foo/manifest.yaml", "type: workflow", "type: workflow\nbuiltin: true")
    session.desired("policy: {allow_builtin: [foo]}\n")
    session.llamagate("import", "packages/foo")
    said = session.llamagate("disable", "foo")
    assert "foo says 'builtin: true' in its manifest, so the gateway still runs it" in said.out
