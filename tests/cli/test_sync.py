"""``sync``: record, registry and disk agree again; the disk decides, and no item's file is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.shell import Session, Snapshot, snapshot, stamps
from tests.support.packages import MANIFEST, MODULE


def lay(session: Session, item: str, *, version: str = "1.0.0", kind: str = "extensions") -> Path:
    """What another program puts there."""
    folder = session.home / kind / "installed" / item
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "extensions":
        (folder / "manifest.yaml").write_text(MANIFEST.format(id=item, version=version))
    else:
        (folder / "agenticmodule.yaml").write_text(MODULE.format(id=item, version=version, extension="x"))
    return folder


def test_sync_of_what_agrees_writes_nothing(pair: Session) -> None:
    before = stamps(pair.home / "extensions", pair.home / "registry", pair.ours / "generations")
    done = pair.llamagate("sync", "--json").json
    assert (done["changes"], done["generation"]) == (False, 1)
    assert stamps(pair.home / "extensions", pair.home / "registry", pair.ours / "generations") == before


def test_missing_entries_and_wrong_ones_come_from_the_record(pair: Session) -> None:
    entries = json.loads(pair.registry.read_bytes())
    wrong = {**entries[0], "version": "0.1.0", "source_path": "/elsewhere", "enabled": False}
    pair.registry.write_text(json.dumps([wrong]))
    actions = pair.llamagate("sync", "--json").json["actions"]
    assert [f"{action['action']} {action['id']}" for action in actions] == ["repair bar", "repair foo"]
    assert {item: entry["version"] for item, entry in pair.registered().items()} == {"bar": "1.0.0", "foo": "1.0.0"}
    assert pair.registered()["bar"]["enabled"] is False
    assert pair.registered()["bar"]["source_path"] == str(pair.installed("bar"))


def test_a_version_that_something_else_installed_is_taken_and_local_files_stay_local(pair: Session) -> None:
    pair.installed("foo", "mine.txt").write_text("mine\n")
    lay(pair, "foo", version="3.0.0")
    files = snapshot(pair.home / "extensions")
    [action] = pair.llamagate("sync", "--json").json["actions"]
    assert (action["action"], action["from_version"], action["to_version"]) == ("update", "1.0.0", "3.0.0")
    assert pair.registered()["foo"]["version"] == "3.0.0"
    assert snapshot(pair.home / "extensions") == files
    assert pair.actions() == ["downgrade foo"]
    pair.llamagate("apply")
    assert pair.installed("foo", "mine.txt").read_text() == "mine\n"


def test_an_edit_stays_drift(pair: Session) -> None:
    pair.edit(pair.installed("foo", "manifest.yaml"), "interval: 5", "interval: 7")
    [row] = pair.llamagate("sync", "--json").json["drift"]
    assert (row["id"], row["path"], row["change"]) == ("foo", "manifest.yaml", "edited")
    assert pair.record()["generation"] == 1


def test_a_moved_home(pair: Session) -> None:
    moved = pair.base / "elsewhere"
    pair.home.rename(moved)
    pair.llamagate("sync", "--home", moved)
    paths = [entry["source_path"] for entry in json.loads((moved / "registry" / "installed.json").read_bytes())]
    assert paths == [f"{moved}/extensions/installed/{item}" for item in ("bar", "foo")]
    assert pair.llamagate("verify", "--home", moved).code == 0


def test_entries_without_a_folder_go(pair: Session) -> None:
    entries = json.loads(pair.registry.read_bytes())
    pair.registry.write_text(json.dumps([*entries, {**entries[0], "id": "ghost", "name": "ghost"}]))
    shutil.rmtree(pair.installed("bar"))
    actions = pair.llamagate("sync", "--json").json["actions"]
    assert [f"{action['action']} {action['id']}" for action in actions] == ["remove ghost", "remove bar"]
    assert list(pair.registered()) == ["foo"]
    assert pair.actions() == ["install bar"]


@pytest.mark.parametrize("kind", ["extensions", "agentic-modules"])
def test_folders_without_an_entry_are_registered_and_belong_to_nobody(pair: Session, kind: str) -> None:
    lay(pair, "found", version="2.1.0", kind=kind)
    pair.llamagate("sync")
    assert pair.registered()["found"]["version"] == "2.1.0"
    listed = {item["id"]: item["owner"] for item in pair.llamagate("list", "--json").json["items"]}
    assert listed == {"foo": "default", "bar": "default", "found": None}
    assert pair.actions() == []
    before = pair.everything()
    pair.llamagate("sync")
    assert pair.everything() == before


@pytest.mark.parametrize("broken", [b"", b"[null]", b'[{"id": "foo"', b"\xff\xfe"])
def test_a_corrupt_registry_is_rebuilt(pair: Session, broken: bytes) -> None:
    lay(pair, "found")
    pair.registry.write_bytes(broken)
    said = pair.llamagate("sync")
    assert "registry/installed.json cannot be read" in said.out
    assert sorted(pair.registered()) == ["bar", "foo", "found"]
    assert pair.registry.with_name("installed.json.broken-2").read_bytes() == broken


def test_what_an_interrupted_update_left_is_offered_and_its_entry_kept(pair: Session) -> None:
    entry = {**json.loads(pair.registry.read_bytes())[0], "id": "lost", "name": "lost", "enabled": False}
    pair.registry.write_text(json.dumps([*json.loads(pair.registry.read_bytes()), entry]))
    copy = lay(pair, "lost").rename(pair.home / "extensions" / "installed" / "kept")
    (pair.home / "extensions/installed/backups/lost").mkdir(parents=True)
    copy = copy.rename(pair.home / "extensions/installed/backups/lost/20260101")
    said = pair.llamagate("sync")
    assert f"lost is gone, but an interrupted update left a copy: 'llamagate import {copy}' brings it back" in said.out
    pair.llamagate("import", copy)
    assert pair.registered()["lost"]["enabled"] is False


def test_what_cannot_be_an_item_is_named_and_left(pair: Session) -> None:
    lay(pair, "foo", kind="agentic-modules")
    lay(pair, "BAR")
    (pair.installed("junk")).mkdir()
    (pair.base / "outside").mkdir()
    (pair.home / "extensions/installed/linked").symlink_to(pair.base / "outside")
    said = pair.llamagate("sync").out
    assert "the agentic-module foo is not changed: the extension foo has the same id" in said
    assert "the extension BAR is not changed: the extension bar has the same id" in said
    assert "the extension junk is not changed: it is not a valid package" in said
    assert sorted(pair.registered()) == ["bar", "foo"]


def register(session: Session, item: str, *, kind: str = "extension") -> None:
    """An entry that the gateway's own tool wrote."""
    entries = list(session.registered().values())
    session.registry.write_text(json.dumps([*entries, {**entries[0], "id": item, "name": item, "type": kind}]))


def installed(session: Session) -> Snapshot:
    return {**snapshot(session.home / "extensions"), **snapshot(session.home / "agentic-modules")}


@pytest.mark.parametrize(("kind", "other"), [("extension", "agentic-module"), ("agentic-module", "extension")])
def test_of_two_kinds_with_one_id_the_registry_says_which_it_is(pair: Session, kind: str, other: str) -> None:
    for folder in ("extensions", "agentic-modules"):
        lay(pair, "twin", kind=folder)
    register(pair, "twin", kind=kind)
    files = installed(pair)
    said = pair.llamagate("sync").out
    assert f"the {other} twin is not changed: the {kind} twin has the same id, and a gateway keeps only one" in said
    assert pair.registered()["twin"]["type"] == kind
    assert installed(pair) == files
    before = pair.everything()
    pair.llamagate("sync")
    assert pair.everything() == before


def test_of_two_ids_that_differ_by_case_and_that_nobody_knows_one_is_taken(pair: Session) -> None:
    lay(pair, "twin")
    lay(pair, "Twin")
    assert "the extension twin is not changed: the extension Twin has the same id" in pair.llamagate("sync").out
    assert sorted(pair.registered()) == ["Twin", "bar", "foo"]
    before = pair.everything()
    pair.llamagate("sync")
    assert pair.everything() == before


def test_what_took_the_id_of_an_item_that_is_gone_is_found_at_once(pair: Session) -> None:
    shutil.rmtree(pair.installed("bar"))
    lay(pair, "BAR")
    pair.llamagate("sync")
    assert sorted(pair.registered()) == ["BAR", "foo"]
    before = pair.everything()
    pair.llamagate("sync")
    assert pair.everything() == before


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ("bar", "bar: its folder was replaced by a link or another kind of file"),
        ("linked", "the extension linked is not changed: it is not a folder, and gateways skip it"),
    ],
    ids=["ours", "of others"],
)
def test_a_link_in_the_place_of_an_item_stays_where_it_is(pair: Session, item: str, told: str) -> None:
    if item == "linked":
        register(pair, item)
        lay(pair, item)
    pair.installed(item).rename(pair.base / "elsewhere")
    pair.installed(item).symlink_to(pair.base / "elsewhere")
    before = pair.everything()
    assert told in pair.llamagate("sync").out
    assert pair.everything() == before


def test_what_is_switched_elsewhere_is_remembered_when_the_registry_is_lost(pair: Session) -> None:
    entries = [{**entry, "enabled": False} for entry in pair.registered().values()]
    pair.registry.write_text(json.dumps(entries))
    pair.llamagate("sync")
    assert pair.record()["generation"] == 1
    pair.registry.unlink()
    pair.llamagate("sync")
    assert [entry["enabled"] for entry in pair.registered().values()] == [False, False]


def test_files_that_no_package_may_hold_are_local(pair: Session) -> None:
    folder = lay(pair, "found")
    (folder / "a: b?.log").write_text("x")
    os.mkfifo(folder / "pipe")
    with (folder / "large.bin").open("wb") as large:
        large.truncate(20 << 20)
    pair.llamagate("sync")
    (found,) = (item for item in pair.record()["items"] if item["id"] == "found")
    assert list(found["files"]) == ["manifest.yaml"]


def test_ids_that_lead_elsewhere_touch_nothing(pair: Session) -> None:
    (pair.home / "extensions" / "mine").mkdir()
    for item in ("../mine", "a/b", "CON", "backups", "a b"):
        register(pair, item)
    before = snapshot(pair.home / "extensions")
    pair.llamagate("sync")
    assert sorted(pair.registered()) == ["bar", "foo"]
    assert snapshot(pair.home / "extensions") == before


def test_dry_run_shows_and_does_nothing(pair: Session) -> None:
    lay(pair, "found")
    before = pair.everything()
    actions = pair.llamagate("sync", "--dry-run", "--json").json["actions"]
    assert [action["action"] for action in actions] == ["adopt"]
    assert pair.everything() == before


def test_the_work_grows_as_the_number_of_items(session: Session) -> None:
    calls = []
    for count in (10, 60):
        if session.home.exists():
            session.home.rename(session.base / "before")
        for number in range(count):
            lay(session, f"item{number}")
        session.llamagate("sync")
        calls.append(len(session.traced("sync", calls="openat,newfstatat,statx,lstat,stat,read,getdents64")))
    per_item = (calls[1] - calls[0]) / 50
    assert per_item < 60, calls
