"""``llamagate remove``: one item goes, its files stay in the backup, and nothing outside ``installed/`` is touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.again import Again, once
from tests.cli.failures import failure, refused, warned
from tests.cli.parcels import formed
from tests.cli.shell import Session, snapshot
from tests.support.packages import MODULE


def make(session: Session) -> None:
    """Two extensions, imported; the first has a local file and one that was edited."""
    for item in ("foo", "bar"):
        formed(session, "gateway", item)
        session.llamagate("import", f"packages/{item}")
    session.installed("foo", "notes.txt").write_text("mine\n")
    session.edit(session.installed("foo", "bin/run.sh"), "#!/bin/sh", "#!/bin/bash")


made = once(make)


@pytest.fixture
def foo(made: Again) -> Session:
    return made.session()


def set_entry(session: Session, item: str, **changes: Any) -> None:
    """Change or add an entry of the registry, as another program may."""
    found = session.registered()
    plain = {"id": item, "type": "extension", "name": item, "version": "1.0.0", "enabled": True}
    found[item] = {**plain, **found.get(item, {}), **changes}
    session.registry.write_text(json.dumps(list(found.values())))


def test_a_removal_takes_folder_entry_and_record_and_keeps_a_backup(foo: Session) -> None:
    before = {Path(k).relative_to(foo.installed("foo")): v for k, v in snapshot(foo.installed("foo")).items()}
    done = foo.llamagate("remove", "foo", "--json").json
    assert (done["generation"], [action["action"] for action in done["actions"]]) == (3, ["remove"])
    assert not foo.installed("foo").exists()
    assert set(foo.registered()) == {"bar"}
    assert [item["id"] for item in foo.record()["items"]] == ["bar"]
    backup = foo.ours / "backups/extension/foo/3"
    assert {Path(k).relative_to(backup): v for k, v in snapshot(backup).items()} == before


@pytest.mark.parametrize("words", [["foo"], ["extension", "foo"], ["ext", "foo"]])
def test_type_words(foo: Session, words: list[str]) -> None:
    foo.llamagate("remove", *words)
    assert set(foo.registered()) == {"bar"}


def test_remove_of_a_non_existent_item(foo: Session) -> None:
    before = foo.everything()
    failed = failure(foo, "remove", "fooo")
    assert (failed.code, "'foo'?" in failed.message) == ("not-found", True)
    assert foo.everything() == before


def test_with_if_present_that_is_no_error(foo: Session) -> None:
    before = foo.everything()
    done = foo.llamagate("remove", "fooo", "--if-present", "--json").json
    assert (done["changes"], warned(done)) == (False, ["nothing-found"])
    assert foo.everything() == before


def test_an_empty_id_is_a_mistake_also_with_if_present(foo: Session) -> None:
    before = foo.everything()
    for words in ([""], ["extension", " "]):
        assert failure(foo, "remove", *words, "--if-present", exits=64).code == "usage"
    assert foo.everything() == before


def test_a_removal_twice(foo: Session) -> None:
    foo.llamagate("remove", "foo")
    foo.llamagate("disable", "bar")
    before = foo.everything()
    done = foo.llamagate("remove", "foo", "--json").json
    assert (done["changes"], warned(done)) == (False, ["nothing-found"])
    assert "removed in generation 3" in done["warnings"][0]["message"]
    assert foo.everything() == before
    assert failure(foo, "remove", "module", "foo").code == "not-found"


@pytest.mark.parametrize("is_known", [True, False], ids=["removed before", "never installed"])
def test_a_removal_against_the_file_that_finds_nothing_to_do_still_sets_its_hold(
    session: Session, is_known: bool
) -> None:
    session.extensions("bar")
    session.llamagate("apply")
    if is_known:
        session.package("foo")
        session.llamagate("import", "packages/foo")
        session.llamagate("remove", "foo")
    session.extensions("bar", "foo")
    done = session.llamagate("remove", "foo", "--if-present", "--json").json
    assert (done["changes"], warned(done)) == (False, ["foo nothing-found", "foo file-disagrees", "hold-set"])
    assert session.record()["hold"]["generation"] == done["generation"]
    session.llamagate("watch", "--once")
    assert set(session.registered()) == {"bar"}


def test_a_removal_that_finds_nothing_to_do_and_is_saved_sets_none(session: Session) -> None:
    session.extensions("bar")
    session.llamagate("apply")
    session.extensions("bar", "foo")
    assert session.llamagate("remove", "foo", "--save", "--if-present", "--json").json["hold"] is None


def test_a_removal_that_lies_in_generations_that_are_not_kept(foo: Session) -> None:
    foo.llamagate("disable", "bar")
    foo.llamagate("remove", "foo")
    foo.llamagate("enable", "bar")
    for number in (3, 4):
        foo.generation_path(number).unlink()
    [warning] = foo.llamagate("remove", "foo", "--json").json["warnings"]
    assert "removed after generation 2" in warning["message"]


def test_a_wrong_type_removes_nothing(foo: Session) -> None:
    before = foo.everything()
    assert "extension 'foo'" in failure(foo, "remove", "module", "foo").message
    assert foo.everything() == before


def test_a_dry_run_removes_nothing(foo: Session) -> None:
    before = foo.everything()
    done = foo.llamagate("remove", "foo", "--dry-run", "--json").json
    assert [action["action"] for action in done["actions"]] == ["remove"]
    assert foo.everything() == before


# What others depend on


@pytest.fixture
def flow(session: Session) -> Session:
    """A module whose step names an extension, and an extension that depends on another, all of a file."""
    session.module("flow", "foo")
    for item in ("foo", "base", "top"):
        session.package(item)
    session.desired(
        "extensions:\n  foo: ./packages/foo\n  base: ./packages/base\n"
        "  top: {source: ./packages/top, depends_on: [base, foo]}\nmodules: {flow: ./packages/flow}\n"
    )
    session.llamagate("apply")
    return session


@pytest.mark.parametrize(("item", "users"), [("foo", "flow, top"), ("base", "top")], ids=["foo", "base"])
def test_what_others_depend_on_is_refused_with_names_until_forced(flow: Session, item: str, users: str) -> None:
    before = flow.everything()
    [refusal] = flow.llamagate("remove", item, "--json", exits=5).json["refusals"]
    assert (refusal["id"], refusal["code"]) == (item, "needed")
    assert users in refusal["message"]
    assert flow.everything() == before
    flow.llamagate("remove", item, "--force")
    assert item not in flow.registered()


def test_what_depends_on_others_can_go(flow: Session) -> None:
    flow.llamagate("remove", "top")
    flow.llamagate("remove", "flow")
    flow.llamagate("remove", "foo")
    assert set(flow.registered()) == {"base"}


def test_what_a_module_of_something_else_uses_is_refused_too(foo: Session) -> None:
    foo.write(
        str(foo.home / "agentic-modules/installed/flow/agenticmodule.yaml"),
        MODULE.format(id="flow", version="1.0.0", extension="foo"),
    )
    assert refused(foo, "remove", "foo") == ["foo needed"]


# What is left of an item


def test_an_entry_without_a_folder(foo: Session) -> None:
    set_entry(foo, "ghost")
    foo.llamagate("remove", "ghost")
    assert set(foo.registered()) == {"foo", "bar"}


def test_a_folder_without_an_entry(foo: Session) -> None:
    shutil.copytree(foo.installed("foo"), foo.installed("found"))
    foo.llamagate("remove", "found")
    assert not foo.installed("found").exists()
    assert (foo.ours / "backups/extension/found/3/notes.txt").exists()


def test_a_record_without_anything(foo: Session) -> None:
    shutil.rmtree(foo.installed("foo"))
    set_entry(foo, "foo", id="other")
    foo.llamagate("remove", "foo")
    assert [item["id"] for item in foo.record()["items"]] == ["bar"]


def test_a_folder_that_is_no_package(foo: Session) -> None:
    foo.installed("junk").mkdir()
    foo.llamagate("remove", "junk")
    assert not foo.installed("junk").exists()


def test_a_name_is_found_where_no_id_is(session: Session) -> None:
    session.package("one", files={"extension.yaml": "id: one\nname: pretty\nversion: 1.0.0\n"})
    session.edit("packages/one/manifest.yaml", "name: one", "name: pretty")
    session.llamagate("import", "packages/one")
    session.llamagate("remove", "pretty")
    assert session.registered() == {}


def test_a_corrupt_registry_is_rebuilt_without_the_item(foo: Session) -> None:
    foo.registry.write_bytes(b"[null]")
    foo.llamagate("remove", "foo")
    assert set(foo.registered()) == {"bar"}


# Only ever below installed/


@pytest.mark.parametrize("where", ["precious", "project", "home", "/", "", "relative"])
def test_source_path_is_never_followed(foo: Session, where: str) -> None:
    (foo.base / "precious").mkdir()
    (foo.base / "precious/manifest.yaml").write_text("precious\n")
    set_entry(foo, "foo", source_path=str(foo.base / where) if where else "")
    set_entry(foo, "ghost", source_path=str(foo.base / where) if where else "")
    outside = [snapshot(foo.base / "precious"), snapshot(foo.project)]
    foo.llamagate("remove", "foo")
    foo.llamagate("remove", "ghost")
    assert [snapshot(foo.base / "precious"), snapshot(foo.project)] == outside
    assert {path.name for path in foo.installed("").iterdir()} == {"bar"}
    assert set(foo.registered()) == {"bar"}


@pytest.mark.parametrize("item", ["../../../precious", "..", ".", "/", "a/b", "bar/..", "CON", "x" * 300])
def test_a_hostile_id_only_loses_its_entry(foo: Session, item: str) -> None:
    (foo.base / "precious").mkdir()
    (foo.base / "precious/manifest.yaml").write_text("precious\n")
    set_entry(foo, item, source_path=str(foo.base / "precious"))
    outside = [snapshot(foo.base / "precious"), snapshot(foo.home / "extensions")]
    said = foo.llamagate("remove", item)
    assert [snapshot(foo.base / "precious"), snapshot(foo.home / "extensions")] == outside
    assert set(foo.registered()) == {"foo", "bar"}
    assert said.out.endswith("1 removed.\n")
    foo.llamagate("list")


def test_a_link_in_the_place_of_the_item_goes_and_what_it_leads_to_stays(foo: Session) -> None:
    precious = foo.base / "precious"
    foo.installed("foo").rename(precious)
    (foo.home / "extensions/installed/foo").symlink_to(precious)
    before = snapshot(precious)
    foo.llamagate("remove", "foo")
    assert snapshot(precious) == before
    assert not (foo.home / "extensions/installed/foo").is_symlink()


@pytest.mark.parametrize("item", ["backups", ".hidden", "foo.tmp"])
def test_what_is_no_item_is_not_removed(foo: Session, item: str) -> None:
    shutil.copytree(foo.installed("bar"), foo.installed(item))
    assert failure(foo, "remove", item).code == "not-found"
    assert foo.installed(item).exists()


def test_a_module_of_the_same_id_stays(session: Session) -> None:
    """The reference's registry keeps only one entry for an id; removing one item takes the files of that one only."""
    formed(session, "gateway")
    session.llamagate("import", "packages/foo")
    module = session.home / "agentic-modules/installed/foo/agenticmodule.yaml"
    session.write(str(module), MODULE.format(id="foo", version="1.0.0", extension="x"))
    said = session.llamagate("remove", "foo", exits=1)
    assert said.err.startswith("llamagate: 'foo' is ambiguous: agentic-module foo, extension foo\n")
    session.llamagate("remove", "module", "foo")
    assert not module.exists()
    assert session.installed("foo").exists()
    assert session.registered()["foo"]["type"] == "extension"


def test_an_item_comes_back_as_it_was_by_restore(foo: Session) -> None:
    before = snapshot(foo.installed("foo"))
    foo.llamagate("remove", "foo")
    foo.llamagate("restore", "foo")
    assert snapshot(foo.installed("foo")) == before


def test_a_backup_count_of_none_removes_for_good(foo: Session) -> None:
    foo.desired("policy: {backups: 0}\n")
    foo.llamagate("remove", "foo")
    assert not (foo.ours / "backups/extension/foo").exists()
