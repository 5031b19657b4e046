"""``rollback``, ``history``, ``resume`` and holds: going back needs neither a source nor a network."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.failures import failure, refused
from tests.cli.parcels import trees, versions
from tests.cli.shell import Session, Snapshot, interrupt, snapshot

CONFIGURED: Final = "{source: ./packages/foo, config: {interval: 9, token: {env: SETTING}}}"
DISABLED: Final = "{source: ./packages/foo, enabled: false}"
FLOW: Final = "modules: {flow: {source: ./packages/flow, depends_on: [bar]}}\n"
BAR2: Final = "modules: {bar2: ./packages/bar2}\n"


def ten_changes(session: Session) -> Iterator[None]:
    """Each makes the next generation something else."""
    session.package("foo", files={"run.sh": "#!/bin/sh\n", "a/b/c.txt": "1\n"})
    session.extensions("foo")
    yield
    session.package("foo", version="1.1.0", files={"a/b/c.txt": "2\n"})
    yield
    session.extensions("foo", "bar")
    yield
    session.desired(f"extensions: {{foo: {CONFIGURED}, bar: ./packages/bar}}\n")
    yield
    session.module("flow", "bar")
    session.desired(f"extensions: {{foo: {CONFIGURED}, bar: ./packages/bar}}\n{FLOW}")
    yield
    session.package("bar", version="0.9.0", files={"new.txt": "new\n"})
    yield
    session.desired(f"extensions: {{foo: {DISABLED}, bar: ./packages/bar}}\n{FLOW}")
    yield
    session.desired("extensions: {bar: ./packages/bar}\n")
    yield
    shutil.rmtree(session.project / "packages" / "bar")
    session.module("bar2", "llm")
    session.desired(BAR2)
    yield
    session.package("foo", version="3.0.0")
    session.extensions("foo")
    yield


@pytest.fixture
def three(session: Session) -> Session:
    """Three generations of one extension: 1.0.0, 2.0.0, 3.0.0. The source is gone."""
    session.extensions("foo")
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        session.package("foo", version=version, files={"text.txt": f"text of {version}\n"})
        session.llamagate("apply")
    shutil.rmtree(session.project / "packages")
    return session


def installed(session: Session) -> Snapshot:
    """All that is installed of both kinds."""
    folders = (session.home / kind / "installed" for kind in ("extensions", "agentic-modules"))
    return {path: node for folder in folders for path, node in snapshot(folder).items()}


def switches(session: Session) -> dict[str, bool]:
    return {item: entry["enabled"] for item, entry in session.registered().items()}


def tree_on_disk(folder: Path) -> str:
    """The digest of a folder's files, as docs/files.md defines it."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: str(path).encode())
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


# Exactly, and from the cache


def test_ten_generations_come_back_exactly_with_all_sources_gone(session: Session) -> None:
    session.variables["SETTING"] = "s3cret"
    kept = []
    for number, _ in enumerate(ten_changes(session), start=1):
        session.llamagate("apply", "--allow-prune")
        assert session.record()["generation"] == number
        kept.append((trees(session), installed(session), switches(session), versions(session)))
    shutil.rmtree(session.project / "packages")
    for number in (9, 1, 10, 2, 8, 3, 7, 4, 6, 5):
        session.llamagate("rollback", "--to", number)
        assert (trees(session), installed(session), switches(session), versions(session)) == kept[number - 1]
        assert session.llamagate("verify").code == 0


def test_the_digest_of_what_comes_back_is_that_of_the_package(three: Session) -> None:
    before = three.generation(1)["items"][0]["tree"]
    three.llamagate("rollback", "--to", "1")
    assert tree_on_disk(three.installed("foo")) == before


def test_without_a_number_twice_goes_two_back(three: Session) -> None:
    done = three.llamagate("rollback", "--json").json
    assert (done["generation"], [action["action"] for action in done["actions"]]) == (4, ["downgrade"])
    assert len(done["warnings"]) == 1
    assert versions(three) == {"foo": "2.0.0"}
    three.llamagate("rollback")
    assert versions(three) == {"foo": "1.0.0"}
    before = three.everything()
    assert "generation 1 " in failure(three, "rollback").message
    assert three.everything() == before


def test_a_rollback_can_be_rolled_back(three: Session) -> None:
    three.llamagate("rollback", "--to", "1")
    three.llamagate("rollback", "--to", "3")
    assert versions(three) == {"foo": "3.0.0"}
    three.llamagate("rollback")
    assert versions(three) == {"foo": "2.0.0"}


def test_lists_that_say_the_same_are_one_step(three: Session) -> None:
    """A repair makes a generation too; going back from it must not stay where it is."""
    three.registry.write_text("[]")
    three.llamagate("sync")
    three.registry.write_text("[]")
    three.llamagate("sync")
    assert three.record()["generation"] == 5
    three.llamagate("rollback")
    assert versions(three) == {"foo": "2.0.0"}
    three.llamagate("rollback")
    assert versions(three) == {"foo": "1.0.0"}


def test_before_the_first_change_there_is_nothing_to_go_back_to(session: Session) -> None:
    failure(session, "rollback")
    assert not session.home.joinpath("extensions").exists()


def test_a_generation_that_is_not_kept(three: Session) -> None:
    before = three.everything()
    failed = failure(three, "rollback", "--to", "9")
    assert "1 to 3" in failed.message
    assert "'llamagate history'" in failed.message
    assert "'--to'" in failure(three, "rollback", "--to", "0", exits=64).message
    assert three.everything() == before


def test_what_is_in_force_already(three: Session) -> None:
    before = three.everything()
    done = three.llamagate("rollback", "--to", "3", "--json").json
    assert (done["changes"], done["generation"]) == (False, 3)
    assert three.everything() == before


def test_a_dry_run_shows_and_does_nothing(three: Session) -> None:
    before = three.everything()
    three.llamagate("rollback", "--dry-run")
    shown = three.llamagate("rollback", "--dry-run", "--to", "1", "--json")
    assert shown.err == ""
    assert [(row["action"], row["to_version"]) for row in shown.json["actions"]] == [("downgrade", "1.0.0")]
    assert three.everything() == before


def test_json_is_one_document_with_the_generation_now_in_force(three: Session) -> None:
    said = three.llamagate("rollback", "--json")
    assert said.json["generation"] == 4
    assert said.json["actions"][0]["diff"]["manifest"]["changed"] == {"version": ["3.0.0", "2.0.0"]}
    assert said.err == ""


# What is not a generation's


def test_the_lock_file_is_never_written(three: Session) -> None:
    lock = three.project / "llamagate.lock.yaml"
    before = (lock.read_bytes(), lock.stat().st_mtime_ns)
    three.llamagate("rollback")
    assert (lock.read_bytes(), lock.stat().st_mtime_ns) == before
    lock.unlink()
    three.llamagate("rollback")
    assert not lock.exists()


def test_local_files_stay_as_they_are(three: Session) -> None:
    folder = three.installed("foo")
    (folder / "var").mkdir()
    (folder / "var" / "state.bin").write_bytes(b"\0mine")
    (folder / "latest").symlink_to("var/state.bin")
    inode = (folder / "var" / "state.bin").stat().st_ino
    three.llamagate("rollback")
    assert (folder / "var" / "state.bin").stat().st_ino == inode
    assert (folder / "latest").readlink() == Path("var/state.bin")


def test_local_files_come_from_the_newest_backup_where_the_item_was_gone(session: Session) -> None:
    session.package("foo", files={"prompts/a.txt": "a\n", "var/state.json": "{}\n"})
    session.extensions("foo")
    session.llamagate("apply")
    folder = session.installed("foo")
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine\n")
    (folder / "mine" / "notes.txt").chmod(0o600)
    (folder / "latest").symlink_to("mine/notes.txt")
    (folder / "var" / "state.json").write_text('{"n": 1}\n')
    (folder / "prompts" / "a.txt").write_text("edited\n")
    session.llamagate("remove", "foo")
    assert not folder.exists()
    session.llamagate("rollback")
    assert (folder / "mine" / "notes.txt").read_text() == "mine\n"
    assert (folder / "mine" / "notes.txt").stat().st_mode & 0o777 == 0o600
    assert (folder / "latest").readlink() == Path("mine/notes.txt")
    assert (folder / "var" / "state.json").read_text() == '{"n": 1}\n'
    assert (folder / "prompts" / "a.txt").read_text() == "a\n"


def test_a_file_that_only_a_later_package_had_is_no_local_file(session: Session) -> None:
    session.package("foo")
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0", files={"late.txt": "late\n"})
    session.llamagate("apply")
    session.installed("foo", "mine.txt").write_text("mine\n")
    session.llamagate("remove", "foo")
    session.llamagate("rollback", "--to", "1")
    assert not session.installed("foo", "late.txt").exists()
    assert session.installed("foo", "mine.txt").read_text() == "mine\n"


def test_what_was_edited_is_a_conflict_and_overwrite_takes_the_old_file(three: Session) -> None:
    three.installed("foo", "text.txt").write_text("mine\n")
    before = three.everything()
    assert refused(three, "rollback") == ["foo conflict"]
    assert three.everything() == before
    three.llamagate("rollback", "--overwrite")
    assert three.installed("foo", "text.txt").read_text() == "text of 2.0.0\n"
    assert (three.ours / "backups/extension/foo/4/text.txt").read_text() == "mine\n"


def test_an_edit_of_what_is_the_same_in_both_stays(session: Session) -> None:
    session.package("foo", files={"same.txt": "same\n"})
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    session.installed("foo", "same.txt").write_text("mine\n")
    session.llamagate("rollback")
    assert session.installed("foo", "same.txt").read_text() == "mine\n"


def test_what_others_installed_is_left_alone(three: Session) -> None:
    other = three.installed("other")
    other.mkdir()
    (other / "manifest.yaml").write_text("name: other\nversion: 1.0.0\n")
    entries = [*three.registered().values(), {"id": "other", "type": "extension", "name": "other"}]
    three.registry.write_text(json.dumps(entries))
    three.llamagate("rollback")
    assert (other / "manifest.yaml").exists()
    assert "other" in three.registered()


def test_an_id_that_was_of_the_other_kind(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.desired("extensions: {}\n")
    session.llamagate("apply")
    session.module("flow", "llm")
    session.write(
        "packages/flow/agenticmodule.yaml", "name: foo\nversion: 5.0.0\ndescription: d\nsteps: [{extension: x}]\n"
    )
    session.desired("modules: {foo: ./packages/flow}\n")
    session.llamagate("apply")
    session.llamagate("rollback", "--to", "1")
    assert session.registered()["foo"]["type"] == "extension"
    assert session.installed("foo").exists()
    assert not (session.home / "agentic-modules" / "installed" / "foo").exists()
    session.llamagate("rollback", "--to", "3")
    assert session.registered()["foo"]["type"] == "agentic-module"
    assert not session.installed("foo").exists()


# What it needs


def test_a_value_from_the_environment_that_is_not_set(session: Session) -> None:
    session.variables["SETTING"] = "s3cret"
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: SETTING}}}}\n")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    del session.variables["SETTING"]
    before = session.everything()
    assert "SETTING" in failure(session, "rollback").message
    assert session.everything() == before
    session.variables["SETTING"] = "other"
    session.llamagate("rollback")
    assert "token: other\n" in session.installed("foo", "manifest.yaml").read_text()


def test_a_secret_of_a_file_is_found_from_any_folder(session: Session, tmp_path: Path) -> None:
    secret = session.project / "run" / "token"
    secret.parent.mkdir()
    secret.write_text("s3cret\n")
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {file: run/token}}}}\n")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    secret.write_text("other\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    start = "import os, sys; os.chdir(sys.argv.pop(1)); from reconciler.cli.app import main; main()"
    with session.python(start, elsewhere, "rollback") as running:
        assert running.wait() == 0
    assert "token: other\n" in session.installed("foo", "manifest.yaml").read_text()
    secret.unlink()
    assert str(secret) in failure(session, "rollback", "--to", "2").message


def _cached(session: Session, generation: int) -> Path:
    return session.ours / "cache" / f"{session.generation(generation)['items'][0]['tree'].removeprefix('sha256:')}.zip"


def _flip_content(path: Path) -> None:
    """One bit of a packed file: times and the like in an archive say nothing."""
    path.write_bytes(path.read_bytes().replace(b"text of", b"text oF"))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage", [_flip_content, Path.unlink, lambda path: path.write_bytes(b"")], ids=["one bit", "missing", "empty"]
)
def test_a_damaged_package_in_the_cache_is_refused_before_anything_changes(
    three: Session, damage: Callable[[Path], Any]
) -> None:
    damage(_cached(three, 2))
    before = three.everything()
    failed = failure(three, "rollback")
    assert "foo 2.0.0" in failed.message
    assert str(three.project / "packages" / "foo") in failed.message
    assert three.everything() == before
    three.llamagate("rollback", "--to", "1")
    assert versions(three) == {"foo": "1.0.0"}


def test_a_damaged_package_is_mended_by_importing_it_again(three: Session) -> None:
    _flip_content(_cached(three, 2))
    three.package("foo", version="2.0.0", files={"text.txt": "text of 2.0.0\n"})
    three.llamagate("import", "packages/foo", "--allow-downgrade")
    three.llamagate("rollback", "--to", "3")
    shutil.rmtree(three.project / "packages")
    three.llamagate("rollback", "--to", "2")
    assert versions(three) == {"foo": "2.0.0"}
    assert three.llamagate("verify").code == 0


def test_a_damaged_generation_is_refused_by_name(three: Session) -> None:
    generation = three.generation_path(2)
    _flip(generation)
    before = three.everything()
    assert str(generation) in failure(three, "rollback").message
    assert three.everything() == before
    three.llamagate("rollback", "--to", "1")
    assert versions(three) == {"foo": "1.0.0"}


def test_without_a_desired_state_and_without_a_lock(three: Session) -> None:
    for name in ("llamagate.yaml", "llamagate.lock.yaml"):
        (three.project / name).unlink()
    three.llamagate("rollback")
    assert versions(three) == {"foo": "2.0.0"}
    assert list(three.project.iterdir()) == []


# Holds


def test_a_rollback_sets_a_hold_and_an_apply_says_that_it_ends_it(three: Session) -> None:
    three.llamagate("rollback")
    hold = {"reason": "rolled back to generation 2", "generation": 4}
    assert three.llamagate("status", "--json").json["hold"] == hold if (three.project / "packages").exists() else True
    kept = three.record()["hold"]
    assert kept | hold == kept
    three.package("foo", version="3.0.0", files={"text.txt": "text of 3.0.0\n"})
    assert (
        "'llamagate apply' ends the pause of the watcher (rolled back to generation 2)" in three.llamagate("plan").out
    )
    assert three.record()["hold"] == kept
    assert (
        "'llamagate apply' ends the pause of the watcher (rolled back to generation 2)" in three.llamagate("apply").out
    )
    assert three.record()["hold"] is None
    assert versions(three) == {"foo": "3.0.0"}


def test_an_apply_with_nothing_else_to_do_ends_a_hold_too(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    session.llamagate("rollback")
    session.package("foo", version="1.0.0")
    said = session.llamagate("apply")
    assert "'llamagate apply' ends the pause of the watcher (rolled back to generation 1)" in said.out
    assert session.record()["hold"] is None
    assert session.record()["generation"] == 3


def test_resume_ends_it_and_changes_nothing_else(three: Session) -> None:
    three.llamagate("rollback")
    before = installed(three)
    assert three.llamagate("resume", "--json").json == {"resumed": True, "reason": "rolled back to generation 2"}
    assert three.record()["hold"] is None
    assert three.record()["generation"] == 4
    assert installed(three) == before
    assert three.llamagate("resume", "--json").json == {"resumed": False, "reason": None}


def test_a_refused_rollback_sets_no_hold(three: Session) -> None:
    three.installed("foo", "text.txt").write_text("mine\n")
    three.llamagate("rollback", exits=5)
    assert three.record()["hold"] is None


# History


def test_history_tells_what_each_generation_changed(three: Session) -> None:
    three.llamagate("disable", "foo")
    three.llamagate("rollback", "--to", "2")
    three.llamagate("remove", "foo")
    lines = re.sub(r"  by \S+", "", three.llamagate("history").out).splitlines()
    shown = [line[6:] if line.startswith("      ") else line[:4] + line[25:] for line in lines]
    assert shown == [
        "   6  llamagate remove  current",
        "- foo 2.0.0",
        "   5  llamagate rollback  (the list of generation 2 again)",
        "~ foo 3.0.0 → 2.0.0",
        "   4  llamagate disable",
        "~ foo: enabled: false",
        "   3  llamagate apply",
        "~ foo 2.0.0 → 3.0.0",
        "   2  llamagate apply",
        "~ foo 1.0.0 → 2.0.0",
        "   1  llamagate apply",
        "+ foo 1.0.0",
    ]


def test_a_generation_of_the_same_items_says_what_it_may_have_changed(session: Session) -> None:
    session.package("foo", files={"text.txt": "text\n"})
    session.desired("extensions:\n  foo: {source: ./packages/foo, config: {token: {env: VALUE}}}\n")
    session.variables["VALUE"] = "one"
    session.llamagate("apply")
    session.installed("foo", "text.txt").unlink()
    session.llamagate("apply")
    session.variables["VALUE"] = "two"
    session.llamagate("apply")
    _, newest, _, repair, *_ = session.llamagate("history").out.splitlines()
    said = "no item changed: files or the registry were repaired, or a value from a variable or a file changed"
    assert (newest.strip(), repair.strip()) == (said, said)


def test_history_as_json(three: Session) -> None:
    three.llamagate("rollback")
    found = three.llamagate("history", "--json").json
    assert found["generation"] == 4
    newest = found["generations"][0]
    assert {key: newest[key] for key in newest if key not in ("applied_at", "by")} == {
        "generation": 4,
        "list_of": 2,
        "command": "llamagate rollback",
        "message": None,
        "items": 1,
        "changes": ["~ foo 3.0.0 → 2.0.0"],
    }


def test_history_of_nothing(session: Session) -> None:
    session.home.mkdir()
    assert session.llamagate("history", "--json").json == {"generation": 0, "generations": []}
    assert not session.ours.exists()


def test_history_names_a_damaged_generation_and_shows_the_others(three: Session) -> None:
    _flip(three.generation_path(2))
    said = three.llamagate("history").out
    assert "   2  (damaged: its document is not what was written)" in said
    assert "   1  " in said
    assert "      what it changed is no longer known\n" in said


# What is kept


def test_the_policy_bounds_generations_and_their_packages(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: ./packages/foo}\npolicy: {generations: 3, backups: 2}\n")
    for minor in range(6):
        session.package("foo", version=f"1.{minor}.0")
        session.llamagate("apply")
    assert session.generations() == [4, 5, 6]
    kept = {_cached(session, number).name for number in (4, 5, 6)}
    assert {path.name for path in (session.ours / "cache").iterdir()} == kept
    assert len(kept) == 3
    backups = sorted(path.name for path in (session.ours / "backups/extension/foo").iterdir())
    assert backups == ["5", "6"]
    lines = session.llamagate("history").out.splitlines()
    assert lines[-1] == "      what it changed is no longer known"


def test_a_package_that_only_an_old_generation_needs_is_kept(three: Session) -> None:
    assert len(list((three.ours / "cache").iterdir())) == 3
    three.llamagate("remove", "foo")
    assert len(list((three.ours / "cache").iterdir())) == 3


def test_a_stray_package_in_the_cache_goes_with_the_next_cleanup(three: Session) -> None:
    stray = three.ours / "cache" / f"{'0' * 64}.zip"
    stray.write_bytes(b"x")
    three.desired("extensions: {foo: ./packages/foo}\npolicy: {generations: 1}\n")
    three.package("foo", version="4.0.0")
    three.llamagate("apply")
    assert [path.name for path in (three.ours / "cache").iterdir()] == [_cached(three, 4).name]


def test_a_damaged_generation_does_not_stop_the_cleanup(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: ./packages/foo}\npolicy: {generations: 2}\n")
    for minor in range(2):
        session.package("foo", version=f"1.{minor}.0")
        session.llamagate("apply")
    _flip(session.generation_path(1))
    for minor in range(2, 4):
        session.package("foo", version=f"1.{minor}.0")
        said = session.llamagate("apply")
        assert "could not be tidied up" not in said.err
    assert session.generations() == [3, 4]
    assert len(list((session.ours / "cache").iterdir())) == 2


# Interrupted


@pytest.mark.parametrize("verb", [("rollback", "--to", "1"), ("restore", "foo"), ("remove", "foo")], ids=lambda v: v[0])
def test_interrupted_behind_the_commit_point_it_is_finished_by_the_next(three: Session, verb: tuple[str, ...]) -> None:
    interrupt(three, *verb)
    said = three.llamagate("recover", "--json")
    assert said.json == {"recovered": "finished"}
    assert three.record()["generation"] == 4
    wanted = {"rollback": {"foo": "1.0.0"}, "restore": {"foo": "2.0.0"}, "remove": {}}[verb[0]]
    assert versions(three) == wanted
    assert three.llamagate("verify").code == 0
