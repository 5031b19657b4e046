"""``registry/installed.json``, which the gateway's own tools share with us, and the state that is ours alone.

Tests named ``row_NNN`` belong to that row of the list of hostile inputs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.documents.sealed import seal
from tests.cli.failures import warned
from tests.cli.shell import Session, interrupt_apply, snapshot

KEYS: Final = ["id", "type", "name", "version", "enabled", "installed_at", "last_updated_at", "source_path"]
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
LONG_AGO: Final = "2020-02-03T04:05:06.123456789Z"
FOREIGN: Final = {"id": "theirs", "type": "plugin", "colour": "blue", "nested": {"a": [1, None]}}


def entry(item: str, **changes: Any) -> dict[str, Any]:
    """A registry entry as the gateway's own tools write it."""
    return {
        "id": item,
        "type": "extension",
        "name": item,
        "version": "1.0.0",
        "enabled": True,
        "installed_at": LONG_AGO,
        "last_updated_at": LONG_AGO,
        "source_path": f"/elsewhere/{item}",
        **changes,
    }


# The format


def test_file_is_exactly_as_the_gateway_writes_it(session: Session) -> None:
    session.module("flow", "foo")
    session.package("foo")
    session.package("bar")
    session.desired(
        "extensions: {foo: ./packages/foo, bar: {source: ./packages/bar, enabled: false}}\n"
        "modules: {flow: ./packages/flow}\n"
    )
    session.llamagate("apply")
    data = session.registry.read_text()
    document = json.loads(data)
    assert data == json.dumps(document, indent=2)
    assert not data.endswith("\n")
    assert [list(found) for found in document] == [KEYS] * 3
    assert [(found["type"], found["id"]) for found in document] == [
        ("agentic-module", "flow"),
        ("extension", "bar"),
        ("extension", "foo"),
    ]
    assert [found["enabled"] for found in document] == [True, False, True]
    assert all(TIME.fullmatch(found[key]) for found in document for key in ("installed_at", "last_updated_at"))
    assert document[0]["source_path"] == str(session.home / "agentic-modules" / "installed" / "flow")
    assert session.registry.stat().st_mode & 0o777 == 0o644


def test_times_tell_when_it_came_and_when_it_changed(applied: Session) -> None:
    before = applied.registered()["foo"]
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    after = applied.registered()["foo"]
    assert after["installed_at"] == before["installed_at"]
    assert after["last_updated_at"] > before["last_updated_at"]


# What others write there


def test_entries_and_keys_of_others_are_kept(applied: Session) -> None:
    ours = applied.registered()["foo"] | {"hot": {"reload": [True]}}
    applied.registry.write_text(json.dumps([FOREIGN, entry("bar", pinned=True), ours]))
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    found = applied.registered()
    assert found["theirs"] == FOREIGN
    assert found["bar"] == entry("bar", pinned=True)
    assert list(found["foo"]) == [*KEYS, "hot"]
    assert (found["foo"]["version"], found["foo"]["hot"]) == ("2.0.0", {"reload": [True]})


def test_entries_of_others_survive_the_removal_of_ours(applied: Session) -> None:
    applied.registry.write_text(json.dumps([FOREIGN, entry("bar"), applied.registered()["foo"]]))
    applied.desired("extensions: {}\n")
    applied.llamagate("apply")
    assert list(applied.registered()) == ["bar", "theirs"]


def test_a_short_entry_of_others_gets_no_time_that_the_gateway_cannot_read(applied: Session) -> None:
    applied.registry.write_text(json.dumps([{"id": "bar", "type": "extension"}, applied.registered()["foo"]]))
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    assert applied.registered()["bar"] == {"id": "bar", "type": "extension"}


def test_a_short_entry_of_ours_is_completed(applied: Session) -> None:
    applied.registry.write_text(json.dumps([{"id": "foo", "type": "extension"}]))
    applied.llamagate("apply")
    found = applied.registered()["foo"]
    assert list(found) == KEYS
    assert all(TIME.fullmatch(found[key]) for key in ("installed_at", "last_updated_at"))


@pytest.mark.parametrize(
    "change",
    [{"version": "9.9.9"}, {"name": "other"}, {"source_path": "/elsewhere"}, None],
    ids=["version", "name", "source_path", "missing"],
)
def test_a_wrong_entry_is_drift_and_healed(applied: Session, change: dict[str, str] | None) -> None:
    right = applied.registered()["foo"]
    applied.registry.write_text(json.dumps([right | change] if change else []))
    plan = applied.plan()
    assert plan["drift"] == [
        {"kind": "extension", "id": "foo", "path": "registry/installed.json", "change": "registry"}
    ]
    assert [action["action"] for action in plan["actions"]] == ["repair"]
    said = applied.llamagate("plan").out
    assert "Drift\n  foo: its entry in registry/installed.json is missing or wrong\n" in said
    applied.llamagate("apply")
    times = ("installed_at", "last_updated_at")
    assert {key: applied.registered()["foo"][key] for key in KEYS if key not in times} == {
        key: right[key] for key in KEYS if key not in times
    }


def test_a_lost_registry_is_made_again(applied: Session) -> None:
    before = applied.registered()["foo"]
    applied.registry.unlink()
    assert applied.actions() == ["repair foo"]
    applied.llamagate("apply")
    assert applied.registered()["foo"]["version"] == before["version"]


def test_row_108_an_object_is_the_registry_of_a_newer_gateway_and_refused(applied: Session) -> None:
    applied.registry.write_text('{"version": 2, "items": []}')
    before = applied.everything()
    for verb in ("plan", "apply", "list", "status"):
        said = applied.llamagate(verb, exits=1)
        assert said.err.splitlines()[-2:] == [
            f"llamagate: {applied.registry}: this version cannot read it: it holds an object where this version knows "
            "a list",
            "  → a newer gateway may have written it; update llamagate",
        ]
    assert applied.everything() == before


def test_a_moved_home_is_mended(applied: Session) -> None:
    """The gateway's own tool stores absolute paths and loses every item when its home is moved."""
    moved = applied.base / "moved"
    applied.home.rename(moved)
    applied.variables["LLAMAGATE_HOME"] = str(moved)
    assert applied.actions() == ["repair foo"]
    applied.llamagate("apply")
    document = json.loads((moved / "registry" / "installed.json").read_bytes())
    assert document[0]["source_path"] == str(moved / "extensions" / "installed" / "foo")


# Row 107: a registry that cannot be read


BROKEN: Final[dict[str, bytes]] = {
    "empty": b"",
    "truncated": b'[\n  {\n    "id": "foo",\n    "type": "ext',
    "null-in-list": b"[null]",
    "null": b"null",
    "number": b"7",
    "garbage": b"\x00\xff\xfe garbage",
    "utf-16": '[{"id": "foo"}]'.encode("utf-16"),
    "without-type": b'[{"id": "foo"}]',
    "id-of-a-wrong-type": b'[{"id": 5, "type": "extension"}]',
    "empty-id": b'[{"id": "", "type": "extension"}]',
    "id-twice": b'[{"id": "foo", "type": "extension"}, {"id": "foo", "type": "agentic-module"}]',
    "deep": b"[" * 100_000,
    "zeros": b"\x00" * 4096,
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=[f"row-107-{name}" for name in BROKEN])
def test_a_broken_registry_is_rebuilt_and_its_bytes_are_kept(applied: Session, data: bytes) -> None:
    right = applied.registered()["foo"]
    applied.registry.write_bytes(data)
    assert applied.llamagate("list", "--json").json["items"][0]["id"] == "foo"
    status = applied.llamagate("status")
    assert status.out.startswith("Not in sync (generation 1).\n  1 change pending; 'llamagate plan' shows what\n")
    plan = applied.plan()
    assert (plan["changes"], plan["actions"]) == (True, [])
    assert warned(plan) == ["registry-rebuilt"]
    assert applied.registry.read_bytes() == data

    said = applied.llamagate("apply")
    assert said.out.endswith("Applied as generation 2: registry rebuilt.\n")
    times = ("installed_at", "last_updated_at")
    assert {**applied.registered()["foo"], **dict.fromkeys(times)} == {**right, **dict.fromkeys(times)}
    assert (applied.home / "registry" / "installed.json.broken-2").read_bytes() == data
    assert applied.llamagate("status", "--json").json["in_sync"] is True


def test_row_107_a_rebuild_brings_items_of_others_back_from_the_disk(applied: Session) -> None:
    shutil.copytree(applied.installed("foo"), applied.installed("bar"))
    applied.edit(applied.installed("bar", "manifest.yaml"), "name: foo", "name: bar")
    applied.installed("junk").mkdir()
    applied.registry.write_bytes(b"[")
    applied.llamagate("apply")
    assert set(applied.registered()) == {"foo", "bar"}


def test_row_107_a_rebuild_goes_with_the_changes_of_the_same_pass(applied: Session) -> None:
    applied.registry.write_bytes(b"[null]")
    applied.extensions("foo", "new")
    applied.llamagate("apply")
    assert set(applied.registered()) == {"foo", "new"}


def test_row_107_a_disabled_item_stays_disabled_through_a_rebuild(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, enabled: false}}\n")
    session.llamagate("apply")
    session.extensions("foo")
    session.registry.write_bytes(b"")
    session.llamagate("apply")
    assert session.registered()["foo"]["enabled"] is False


def test_row_107_bytes_of_two_breakages_are_both_kept(applied: Session) -> None:
    for number, data in enumerate((b"one", b"two"), start=2):
        applied.registry.write_bytes(data)
        applied.llamagate("apply")
        assert (applied.home / "registry" / f"installed.json.broken-{number}").read_bytes() == data


# Row 106: the lock


def test_row_106_a_digest_that_differs_from_the_lock_is_refused_where_it_must_fit(applied: Session) -> None:
    lock = applied.project / "llamagate.lock.yaml"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock.read_text()))
    said = applied.llamagate("apply", "--locked", exits=4)
    assert said.err == (
        "llamagate: llamagate.lock.yaml is out of date: foo: the content of ./packages/foo changed (version 1.0.0 as "
        "before)\n  → run 'llamagate lock' and commit the result\n"
    )
    status = applied.llamagate("status")
    assert (
        "  the lock is out of date; 'llamagate lock' or 'llamagate apply' updates it:\n"
        "    foo: the content of ./packages/foo changed (version 1.0.0 as before)\n" in status.out
    )


# Row 108: written by a newer version


def test_row_108_a_newer_lock_is_refused(applied: Session) -> None:
    lock = applied.project / "llamagate.lock.yaml"
    lock.write_text(lock.read_text().replace("llamagate/v1", "llamagate/v2"))
    before = applied.everything()
    for arguments in (["plan"], ["apply"], ["lock"]):
        said = applied.llamagate(*arguments, exits=1)
        assert re.match(r"llamagate: llamagate\.lock\.yaml:2:1: apiVersion: .*llamagate/v1", said.err), said.err
    assert applied.everything() == before


def test_row_108_a_newer_desired_state_is_refused(session: Session) -> None:
    session.write("llamagate.yaml", "apiVersion: llamagate/v2\n")
    said = session.llamagate("apply", exits=1)
    assert re.match(r"llamagate: llamagate\.yaml:1:1: apiVersion: .*llamagate/v1", said.err), said.err


def test_row_108_a_newer_record_is_refused(applied: Session) -> None:
    path = applied.ours / "record.json"
    applied.write_record(applied.record() | {"schema": 4})
    before = applied.everything()
    for verb in ("plan", "apply", "list", "status"):
        said = applied.llamagate(verb, exits=1)
        assert said.err.startswith(f"llamagate: {path}: a newer llamagate wrote it (schema 4, this version knows 3)\n")
        assert "  → use that version\n" in said.err
    assert applied.everything() == before


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "garbage"])
def test_row_108_a_damaged_record_is_refused_with_what_to_do(applied: Session, damage: str) -> None:
    path = applied.ours / "record.json"
    data = path.read_bytes()
    flipped = data.replace(b'"generation":1', b'"generation":7')
    path.write_bytes({"flipped": flipped, "truncated": data[:-9], "empty": b"", "garbage": b"\xff{"}[damage])
    before = applied.everything()
    said = applied.llamagate("apply", exits=1)
    assert said.err.splitlines()[0].startswith(f"llamagate: {path}: it is damaged")
    assert "  → move it aside and run 'llamagate apply', which adopts what is installed as the file says" in said.err
    assert applied.everything() == before

    path.rename(path.with_name("aside"))
    assert applied.llamagate("apply").out.splitlines()[0].startswith("  = adopt      foo")
    assert applied.llamagate("status", "--json").json["in_sync"] is True


# Row 109: the journal


@pytest.mark.parametrize("name", ["journal", "journal.undo"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data.replace(b'"moves"', b'"movez"'),
        lambda data: b"\x00" * len(data),
        lambda data: seal({"schema": 99}),
        lambda data: seal({"schema": 1}),
    ],
    ids=["row-109-empty", "row-109-cut", "row-109-flipped", "row-109-zeros", "row-109-newer", "row-109-hollow"],
)
def test_a_journal_that_cannot_be_trusted_stops_everything(session: Session, name: str, damage: Any) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    interrupt_apply(session)
    data = session.journal.read_bytes()
    session.journal.unlink()
    (session.ours / name).write_bytes(damage(data))
    before = session.everything()
    for verb in ("apply", "recover"):
        said = session.llamagate(verb, exits=7)
        assert said.err.startswith("llamagate: a change was interrupted, and its journal cannot be used: ")
        assert "  → nothing was changed; " in said.err
        assert "'llamagate recover --abandon' keeps everything as it is\n" in said.err
    assert session.everything() == before

    assert session.llamagate("recover", "--abandon").out.startswith("Everything was kept as it is")
    session.llamagate("apply")
    assert session.registered()["foo"]["version"] == "2.0.0"
    assert session.llamagate("status", "--json").json["transaction"] == "none"


# Row 110: ids that are no good names


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("..", "an id has only letters, digits, '_' and '-'"),
        (".", "an id has only letters, digits, '_' and '-'"),
        ("a/b", "an id has only letters, digits, '_' and '-'"),
        ("../../etc", "an id has only letters, digits, '_' and '-'"),
        ("", "an id has only letters, digits, '_' and '-'"),
        ("fóo", "an id has only letters, digits, '_' and '-'"),
        ("a" * 300, "128"),
        ("CON", "this name is a device on Windows"),
        ("nul", "this name is a device on Windows"),
        ("backups", "the gateway uses this name for itself"),
        ("BACKUPS", "the gateway uses this name for itself"),
    ],
    ids=[
        *("row-110-dotdot", "row-110-dot", "row-110-slash", "row-110-climbing", "row-110-empty", "row-110-accent"),
        *("row-110-long", "row-110-con", "row-110-nul", "row-110-backups", "row-110-backups-in-capitals"),
    ],
)
def test_an_id_that_is_no_safe_name_is_refused(session: Session, item: str, message: str) -> None:
    session.package("foo")
    session.desired(f"extensions:\n  {json.dumps(item, ensure_ascii=False)}: ./packages/foo\n")
    said = session.llamagate("apply", exits=1)
    assert said.err.startswith("llamagate: llamagate.yaml:3:3: ")
    assert message in said.err
    assert not (session.home / "extensions").exists()


def test_row_110_a_hostile_id_in_the_registry_leads_nowhere(applied: Session) -> None:
    (applied.base / "precious").mkdir()
    (applied.base / "precious" / "manifest.yaml").write_text("name: x\n")
    hostile = [entry("../../../precious"), entry("..", source_path=str(applied.base / "precious"))]
    applied.registry.write_text(json.dumps([*hostile, applied.registered()["foo"]]))
    before = snapshot(applied.base / "precious")
    applied.llamagate("list")
    applied.llamagate("status")
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply")
    applied.desired("extensions: {}\n")
    applied.llamagate("apply")
    assert snapshot(applied.base / "precious") == before


# Row 111: one id twice


def test_row_111_an_id_in_both_sections_is_refused(session: Session) -> None:
    session.package("foo")
    session.desired("extensions:\n  foo: ./packages/foo\nmodules:\n  foo: ./packages/foo\n")
    said = session.llamagate("plan", exits=1)
    assert said.err == (
        "llamagate: llamagate.yaml:5:3: modules.foo: duplicate id: the extension foo already has this id "
        "(ids ignore case and section)\n"
    )


def test_row_111_ids_that_differ_in_case_alone_are_refused(session: Session) -> None:
    session.package("foo")
    session.desired("extensions:\n  foo: ./packages/foo\n  FOO: ./packages/foo\n")
    assert "duplicate id: the extension foo already has this id" in session.llamagate("plan", exits=1).err


def test_row_111_a_key_twice_is_refused_with_its_place(session: Session) -> None:
    session.desired("extensions:\n  foo: ./a\n  foo: ./b\n")
    said = session.llamagate("plan", exits=1)
    assert said.err.startswith("llamagate: llamagate.yaml:4:3: ")
    assert "duplicate key" in said.err


def test_row_111_the_id_of_an_installed_module_is_refused_for_an_extension(session: Session) -> None:
    session.write(
        str(session.home / "agentic-modules/installed/foo/agenticmodule.yaml"),
        "name: foo\nversion: 1.0.0\ndescription: x\nsteps:\n  - extension: a\n",
    )
    session.extensions("foo")
    plan = session.plan()
    assert [(row["code"], row["message"]) for row in plan["refusals"]] == [
        (
            "other-kind",
            "the agentic-module foo already has this id; remove or rename one of them",
        )
    ]
    session.llamagate("apply", exits=5)


def test_row_111_an_id_twice_in_the_lock_is_refused(applied: Session) -> None:
    lock = applied.project / "llamagate.lock.yaml"
    head, _, item = lock.read_text().partition("  - ")
    lock.write_text(f"{head}  - {item}  - {item}")
    said = applied.llamagate("apply", exits=1)
    assert "the id 'foo' is listed twice" in said.err
    assert "  → delete the lock and run 'llamagate lock'\n" in said.err


# Row 112: links in the place of items


def test_row_112_a_link_in_the_place_of_an_item_is_never_followed(applied: Session) -> None:
    precious = applied.base / "precious"
    applied.installed("foo").rename(precious)
    (precious / "mine.txt").write_text("mine\n")
    link = applied.home / "extensions" / "installed" / "foo"
    link.symlink_to(precious)
    before = snapshot(precious)
    assert applied.plan()["drift"] == [{"kind": "extension", "id": "foo", "path": ".", "change": "replaced"}]
    applied.llamagate("apply")
    assert link.is_symlink()

    applied.package("foo", version="2.0.0")
    applied.llamagate("apply", exits=0)
    assert not link.is_symlink()
    assert applied.registered()["foo"]["version"] == "2.0.0"
    assert (applied.ours / "backups/extension/foo/2").is_symlink()
    assert snapshot(precious) == before

    shutil.rmtree(link)
    link.symlink_to(precious)
    applied.desired("extensions: {}\n")
    applied.llamagate("apply")
    assert not link.is_symlink()
    assert snapshot(precious) == before


def test_row_112_a_link_inside_an_item_is_never_followed(applied: Session) -> None:
    precious = applied.base / "precious"
    precious.mkdir()
    (precious / "manifest.yaml").write_text("precious\n")
    manifest = applied.installed("foo", "manifest.yaml")
    manifest.unlink()
    manifest.symlink_to(precious / "manifest.yaml")
    (applied.installed("foo") / "below").symlink_to(precious)
    assert [row["change"] for row in applied.plan()["drift"]] == ["replaced"]
    applied.package("foo", version="2.0.0")
    applied.llamagate("apply", "--overwrite")
    assert not manifest.is_symlink()
    assert (applied.installed("foo") / "below").is_symlink()
    assert snapshot(precious) == {str(precious / "manifest.yaml"): (0o100644, b"precious\n")}


# Row 113: a link in the place of the lock


@pytest.mark.parametrize("dangling", [True, False], ids=["row-113-dangling", "row-113-existing"])
def test_a_link_in_the_place_of_the_lock_is_refused(session: Session, dangling: bool) -> None:
    session.extensions("foo")
    session.ours.mkdir(parents=True)
    target = session.base / "target"
    if not dangling:
        target.write_text("precious\n")
    (session.ours / "lock").symlink_to(target)
    said = session.llamagate("apply", exits=1)
    assert said.err == f"llamagate: {session.ours / 'lock'} is a symbolic link; remove it\n"
    assert target.exists() is not dangling
    assert dangling or target.read_text() == "precious\n"


# Row 114: a state folder that everyone can write to


def test_row_114_a_folder_that_everyone_can_write_to_is_told(applied: Session) -> None:
    applied.ours.chmod(0o777)
    said = applied.llamagate("apply")
    assert said.err == (f"llamagate: everyone can write to {applied.ours}; 'chmod o-w {applied.ours}' fixes this\n")
    applied.ours.chmod(0o755)
    assert applied.llamagate("apply").err == ""


def test_our_folder_is_narrowed_by_the_next_write_and_that_is_said_once(applied: Session) -> None:
    applied.ours.chmod(0o755)
    said = [applied.llamagate(verb, "foo").err for verb in ("disable", "enable")]
    assert ["now has the mode 700 (it had 755)" in err for err in said] == [True, False]
    assert applied.ours.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize(("home", "ours"), [(0o755, 0o700), (0o700, 0o700), (0o2775, 0o2770), (0o770, 0o2770)], ids=oct)
def test_our_folder_gives_no_more_than_the_home_gives_its_group(session: Session, home: int, ours: int) -> None:
    session.home.mkdir()
    session.home.chmod(home)
    session.package("foo")
    assert session.llamagate("import", "packages/foo").err == ""
    assert session.ours.stat().st_mode & 0o7777 == ours


# Row 115: the clock


class Clock:
    """The time that commands are told."""

    def __init__(self, year: int) -> None:
        self.year = year

    def now(self, _zone: object) -> datetime:
        return datetime(self.year, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_row_115_a_clock_that_is_set_back_changes_no_order(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.extensions("foo")
    monkeypatch.setattr("reconciler.cli.environment.datetime", Clock(2030))
    session.llamagate("apply")
    monkeypatch.setattr("reconciler.cli.environment.datetime", Clock(1999))
    for number, version in enumerate(("2.0.0", "3.0.0"), start=2):
        session.package("foo", version=version)
        os.utime(session.project / "packages" / "foo" / "manifest.yaml", (1, 1))
        session.llamagate("apply")
        assert session.record()["generation"] == number
    found = session.registered()["foo"]
    assert found["version"] == "3.0.0"
    assert found["installed_at"] == "2030-01-02T03:04:05.000006000Z"
    assert found["last_updated_at"] == "1999-01-02T03:04:05.000006000Z"
    kept = sorted(path.name for path in (session.ours / "backups" / "extension" / "foo").iterdir())
    assert kept == ["3"]
    assert session.generations() == [1, 2, 3]


def test_row_115_a_content_that_changes_within_one_stamp_of_time_is_seen(session: Session) -> None:
    session.extensions("foo")
    manifest = session.project / "packages" / "foo" / "manifest.yaml"
    os.utime(manifest, (1_000_000_000, 1_000_000_000))
    session.llamagate("apply")
    manifest.write_text(manifest.read_text().replace("1.0.0", "1.0.1"))
    os.utime(manifest, (1_000_000_000, 1_000_000_000))
    assert session.actions() == ["update foo"]


# A crash


def test_an_interrupted_apply_is_finished_by_the_next_and_told(applied: Session) -> None:
    applied.package("foo", version="2.0.0")
    interrupt_apply(applied)
    said = applied.llamagate("apply")
    assert said.err == "llamagate: an interrupted change was finished first\n"
    assert said.out == "No changes: everything is as the file says (generation 2).\n"


def test_recover_finishes_it_without_a_file(applied: Session) -> None:
    applied.package("foo", version="2.0.0")
    interrupt_apply(applied)
    applied.write("llamagate.yaml", "apiVersion: [\n")
    assert applied.llamagate("recover", "--json").json == {"recovered": "finished"}
    assert applied.llamagate("recover", "--json").json == {"recovered": "none"}
    assert applied.registered()["foo"]["version"] == "2.0.0"


def test_a_staging_folder_of_a_dead_command_is_cleared(applied: Session) -> None:
    left = applied.ours / "stage" / "2" / "new" / "extension" / "foo"
    left.mkdir(parents=True)
    (left / "manifest.yaml").write_text("half")
    applied.llamagate("apply")
    assert list((applied.ours / "stage").iterdir()) == []
    assert Path(applied.installed("foo")).exists()
