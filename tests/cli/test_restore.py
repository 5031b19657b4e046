"""``restore``: a kept backup's whole folder comes back, and what it replaces is backed up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.failures import failure
from tests.cli.shell import Session, interrupt, snapshot


@pytest.fixture
def two(session: Session) -> Session:
    """1.0.0 in use, with files of its own, and then 2.0.0 over it. The sources are gone."""
    session.package("foo", files={"run.sh": "#!/bin/sh\n", "text.txt": "one\n"})
    (session.project / "packages/foo/run.sh").chmod(0o755)
    session.extensions("foo", text="policy: {backups: 3}\n")
    session.llamagate("apply")
    folder = session.installed("foo")
    (folder / "mine" / "empty").mkdir(parents=True)
    (folder / "mine" / "notes.txt").write_text("mine\n")
    (folder / "mine" / "notes.txt").chmod(0o600)
    (folder / "latest").symlink_to("mine/notes.txt")
    session.package("foo", version="2.0.0", files={"text.txt": "two\n"})
    session.llamagate("apply")
    shutil.rmtree(session.project / "packages")
    return session


def picture(session: Session) -> dict[str, object]:
    folder = session.installed("foo")
    return {str(Path(path).relative_to(folder)): node for path, node in snapshot(folder).items()}


def test_the_whole_folder_comes_back_and_goes_again(two: Session) -> None:
    newer = picture(two)
    backup = two.ours / "backups" / "extension" / "foo" / "2"
    older = {str(Path(path).relative_to(backup)): node for path, node in snapshot(backup).items()}
    [action] = two.llamagate("restore", "foo", "--json").json["actions"]
    assert (action["action"], action["from_version"], action["to_version"]) == ("downgrade", "2.0.0", "1.0.0")
    assert picture(two) == older
    assert {"latest", "mine/empty", "mine/notes.txt", "run.sh"} <= older.keys()
    assert two.registered()["foo"]["version"] == "1.0.0"
    two.llamagate("restore", "foo")
    assert picture(two) == newer
    assert two.llamagate("verify").code == 0


def test_what_was_edited_in_a_backup_is_drift_again(session: Session) -> None:
    session.package("foo", files={"text.txt": "one\n"})
    session.extensions("foo")
    session.llamagate("apply")
    session.installed("foo", "text.txt").write_text("edited\n")
    session.llamagate("remove", "foo")
    session.llamagate("restore", "foo")
    assert session.installed("foo", "text.txt").read_text() == "edited\n"
    drift = session.llamagate("status", "--json").json["drift"]
    assert [(row["path"], row["change"]) for row in drift] == [("text.txt", "edited")]


def test_the_kept_backups_are_listed_newest_first(two: Session) -> None:
    two.llamagate("remove", "foo")
    found = two.llamagate("restore", "foo", "--list", "--json").json["backups"]
    assert [(row["generation"], row["version"]) for row in found] == [(3, "2.0.0"), (2, "1.0.0")]
    two.llamagate("restore", "foo", "--from", "2")
    assert two.registered()["foo"]["version"] == "1.0.0"
    assert "2, 3" in failure(two, "restore", "foo", "--from", "7").message


def test_a_backup_whose_generation_and_package_are_forgotten_comes_back_as_it_is(two: Session) -> None:
    two.generation_path(1).unlink()
    two.llamagate("restore", "foo")
    assert two.registered()["foo"]["version"] == "1.0.0"
    assert (two.installed("foo") / "latest").readlink() == Path("mine/notes.txt")
    assert two.llamagate("verify").code == 0


def test_a_forgotten_backup_with_what_no_package_may_hold_comes_back(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.installed("foo", "a: b?.log").write_text("x")
    with session.installed("foo", "large.bin").open("wb") as large:
        large.truncate(20 << 20)
    session.llamagate("remove", "foo")
    session.generation_path(1).unlink()
    session.llamagate("restore", "foo")
    assert session.installed("foo", "a: b?.log").read_text() == "x"
    assert session.installed("foo", "large.bin").stat().st_size == 20 << 20


def test_a_link_that_was_removed_is_no_backup(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.installed("foo").rename(session.base / "elsewhere")
    session.installed("foo").symlink_to(session.base / "elsewhere")
    session.llamagate("remove", "foo")
    assert "'foo'" in failure(session, "restore", "foo").message
    session.llamagate("rollback")
    assert session.installed("foo", "manifest.yaml").is_file()
    assert not (session.home / "extensions/installed/foo").is_symlink()


def test_restore_sets_a_hold_that_an_apply_ends(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    session.llamagate("restore", "foo")
    held = session.llamagate("status", "--json").json["hold"]
    assert held == {"reason": "foo was restored from the backup of generation 2", "generation": 3}
    said = session.llamagate("apply")
    assert f"'llamagate apply' ends the pause of the watcher ({held['reason']})" in said.out
    assert session.llamagate("status", "--json").json["hold"] is None
    assert session.llamagate("resume", "--json").json["resumed"] is False


@pytest.mark.parametrize("item", ["nope", "../foo", "bar"])
def test_what_has_no_backup_is_refused_with_words(session: Session, item: str) -> None:
    session.extensions("bar")
    session.llamagate("apply")
    before = session.everything()
    assert f"'{item}'" in failure(session, "restore", item).message
    assert session.everything() == before


def test_an_interrupted_restore_is_finished(two: Session) -> None:
    interrupt(two, "restore", "foo")
    assert two.llamagate("recover", "--json").json == {"recovered": "finished"}
    assert two.registered()["foo"]["version"] == "1.0.0"
    assert two.installed("foo", "mine/notes.txt").read_text() == "mine\n"


def test_a_folder_in_the_place_of_a_cached_package_gives_way(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    (kept,) = (session.ours / "cache").glob("*.zip")
    session.package("foo", version="2.0.0")
    session.llamagate("apply")
    kept.unlink()
    (kept / "inside").mkdir(parents=True)
    session.llamagate("restore", "foo")
    assert session.registered()["foo"]["version"] == "1.0.0"
    assert session.llamagate("verify").code == 0
