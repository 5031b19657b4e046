"""The home that version 0.1.0 wrote: what is in it is listed, checked, gone back to and built on by this version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.homes.unpack import HOMES, TOKEN, portrait, unpack

JOURNALS = ("journal", "journal.undo")


@pytest.fixture
def interrupted(tmp_path: Path) -> Session:
    return unpack(Session(tmp_path, variables=TOKEN), interrupted="journal")


@pytest.fixture
def undoing(tmp_path: Path) -> Session:
    return unpack(Session(tmp_path, variables=TOKEN), interrupted="journal.undo")


def items(session: Session) -> dict[str, tuple[str, bool, str]]:
    """What is installed: version, enabled and owner by id."""
    rows = session.llamagate("list", "--json").json["items"]
    return {row["id"]: (row["version"], row["enabled"], row["owner"]) for row in rows}


def committed(name: str) -> list[str]:
    """What the home of the interrupted change was before it, or would have been after."""
    return (HOMES / "v1" / "interrupted" / name).read_text().splitlines()


def generations(session: Session) -> dict[int, list[str]]:
    """What each generation changed."""
    rows = session.llamagate("history", "--json").json["generations"]
    return {row["generation"]: row["changes"] for row in rows}


FLOW, COUNTER = ("1.0.0", True, "team-a"), ("1.0.0", False, "team-a")
LISTED = {"flow": FLOW, "counter": COUNTER, "greeter": ("1.1.0", True, "team-a")}
CHANGES = {
    3: ["- farewell 1.0.0", "~ greeter: configured"],
    2: ["~ greeter 1.0.0 → 1.1.0"],
    1: ["+ flow 1.0.0", "+ counter 1.0.0", "+ farewell 1.0.0", "+ greeter 1.0.0"],
}


# What is only looked at


def test_list(home: Session) -> None:
    assert items(home) == LISTED


def test_verify_finds_files_packages_and_documents_as_they_were_written(home: Session) -> None:
    found = home.llamagate("verify", "--json").json
    assert (found["files"], found["drift"], found["damaged"]) == (5, [], [])


def test_status(home: Session) -> None:
    status = home.llamagate("status", "--json").json
    assert (status["in_sync"], status["generation"], status["transaction"]) == (True, 3, "none")


def test_status_tells_what_the_watcher_did_last(home: Session) -> None:
    watcher = home.llamagate("status", "--json").json["watcher"]
    assert (watcher["running"], watcher["file"]) == (False, str(home.project / "llamagate.yaml"))
    assert (watcher["attempted"]["result"], watcher["attempted"]["generation"]) == ("unchanged", 3)


def test_history(home: Session) -> None:
    assert generations(home) == CHANGES


def test_backups_are_listed(home: Session) -> None:
    said = home.llamagate("restore", "greeter", "--list").out
    assert [row.split()[:3] for row in said.splitlines()[1:]] == [["greeter", "1.1.0", "3"], ["greeter", "1.0.0", "2"]]


# What is changed


def test_apply_finds_nothing_to_do_and_loses_nothing(home: Session) -> None:
    before = portrait(home.home)
    done = home.llamagate("apply", "--json").json
    assert (done["changes"], done["generation"], done["actions"]) == (False, 3, [])
    assert portrait(home.home) == before


def test_apply_keeps_local_files_across_an_update(home: Session) -> None:
    home.edit("packages/greeter/manifest.yaml", "version: 1.1.0", "version: 2.0.0")
    home.llamagate("apply")
    assert items(home) == {**LISTED, "greeter": ("2.0.0", True, "team-a")}
    assert home.installed("greeter", "notes/läs mig.txt").read_text() == "hej\n"
    assert home.installed("greeter", "drafts").is_dir()
    assert "interval: 9\n  token: s3cret\n" in home.installed("greeter", "manifest.yaml").read_text()
    assert home.llamagate("verify", "--json").json["drift"] == []


def test_rollback_needs_no_source(home: Session) -> None:
    shutil.rmtree(home.project / "packages")
    (home.project / "counter.zip").unlink()
    home.llamagate("rollback", "--to", "1")
    assert items(home) == {**LISTED, "greeter": FLOW, "farewell": FLOW}
    assert home.installed("greeter", "text.md").read_text() == "hello\n"
    assert home.installed("greeter", "notes/läs mig.txt").read_text() == "hej\n"
    assert home.installed("farewell", "diary.txt").read_text() == "a page\n"
    assert generations(home) == {4: ["+ farewell 1.0.0", "~ greeter 1.1.0 → 1.0.0"], **CHANGES}


def test_restore_of_what_was_removed(home: Session) -> None:
    home.llamagate("restore", "farewell")
    assert items(home) == {**LISTED, "farewell": FLOW}
    assert home.installed("farewell", "diary.txt").read_text() == "a page\n"


def test_restore_of_an_older_backup(home: Session) -> None:
    home.llamagate("restore", "greeter", "--from", "2")
    assert items(home) == {**LISTED, "greeter": FLOW}
    assert home.installed("greeter", "text.md").read_text() == "hello\n"
    assert home.installed("greeter", "bin/run.sh").stat().st_mode & 0o777 == 0o755


def test_sync_has_nothing_to_do(home: Session) -> None:
    before = portrait(home.home)
    assert home.llamagate("sync", "--json").json["changes"] is False
    assert portrait(home.home) == before


def test_the_watcher_goes_on_from_what_the_last_one_did(home: Session) -> None:
    since = json.loads((home.ours / "status.json").read_bytes())["conditions"][0]["since"]
    home.llamagate("watch", "--once")
    found = json.loads((home.ours / "status.json").read_bytes())
    assert (found["conditions"][0]["type"], found["conditions"][0]["since"]) == ("Ready", since)


# A change that was cut off


def test_status_tells_of_the_interrupted_change(interrupted: Session) -> None:
    assert interrupted.llamagate("status", "--json").json["transaction"] == "interrupted"


def test_recover_finishes_it(interrupted: Session) -> None:
    assert interrupted.llamagate("recover", "--json").json["recovered"] == "finished"
    assert portrait(interrupted.home) == committed("after.txt")
    newcomer = ("1.0.0", True, "team-a")
    assert items(interrupted) == {
        "flow": ("1.1.0", True, "team-a"),
        "greeter": ("1.2.0", True, "team-a"),
        "newcomer": newcomer,
    }
    changes = ["~ flow 1.0.0 → 1.1.0", "- counter 1.0.0", "~ greeter 1.1.0 → 1.2.0", "+ newcomer 1.0.0"]
    assert generations(interrupted) == {4: changes, **CHANGES}
    assert interrupted.llamagate("status", "--json").json["in_sync"] is True


def test_recover_undoes_its_twin(undoing: Session) -> None:
    assert undoing.llamagate("recover", "--json").json["recovered"] == "undone"
    assert portrait(undoing.home) == committed("before.txt")
    assert (items(undoing), generations(undoing)) == (LISTED, CHANGES)


@pytest.mark.parametrize("journal", JOURNALS)
def test_nothing_is_left_of_the_change(tmp_path: Path, journal: str) -> None:
    session = unpack(Session(tmp_path, variables=TOKEN), interrupted=journal)
    session.llamagate("recover")
    assert [name for name in JOURNALS if (session.ours / name).exists()] == []
    assert [*(session.ours / "stage").iterdir()] == []
    assert session.llamagate("verify", "--json").json["drift"] == []


@pytest.mark.parametrize("journal", JOURNALS)
def test_apply_recovers_first_and_comes_to_the_same(tmp_path: Path, journal: str) -> None:
    session = unpack(Session(tmp_path, variables=TOKEN), interrupted=journal)
    session.llamagate("apply")
    assert portrait(session.home) == committed("after.txt")
