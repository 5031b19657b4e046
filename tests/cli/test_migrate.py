"""``migrate``: legacy extension discovery. The old folder is read and left alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.failures import failure
from tests.cli.shell import Session, snapshot
from tests.support.packages import MANIFEST

TASK = "name: {id}\nversion: 1.0.0\ndescription: d\ntask: {{type: model}}\nprompt: Say {{{{x}}}}\n"


@pytest.fixture
def legacy(session: Session) -> Session:
    """A gateway's old folder: flat and nested, both manifest forms, a folder of another name, and ``builtin``."""
    for path, item in (("one", "one"), ("group/two", "two"), ("Three Folder", "three"), ("builtin/core", "core")):
        session.write(f"extensions/{path}/manifest.yaml", MANIFEST.format(id=item, version="1.0.0"))
    session.write("extensions/one/templates/a.txt", "a\n")
    session.write("extensions/one/sub/manifest.yaml", "no package of its own\n")
    session.write("extensions/four/extension.yaml", TASK.format(id="four"))
    session.write("extensions/README.md", "not a package\n")
    return session


def marker(session: Session) -> Path:
    return session.home / ".migration_complete"


def test_everything_is_found_but_builtin_and_what_lies_in_packages(legacy: Session) -> None:
    before = snapshot(legacy.project / "extensions")
    said = legacy.llamagate("migrate").out
    assert sorted(legacy.registered()) == ["four", "one", "three", "two"]
    assert legacy.installed("one", "templates/a.txt").read_text() == "a\n"
    assert "extensions/Three Folder has the id 'three', and is installed under that id" in said
    assert "(four, one, three, two)" in said
    assert marker(legacy).read_text() == "migration completed"
    assert snapshot(legacy.project / "extensions") == before


def test_dry_run_shows_the_plan(legacy: Session) -> None:
    before = legacy.everything()
    actions = legacy.llamagate("migrate", "--dry-run", "--json").json["actions"]
    assert [action["action"] for action in actions] == ["install"] * 4
    assert legacy.everything() == before


def test_it_can_be_run_again_and_takes_what_is_new(legacy: Session) -> None:
    legacy.llamagate("migrate")
    before = legacy.everything()
    legacy.llamagate("migrate")
    assert legacy.everything() == before
    legacy.write("extensions/five/manifest.yaml", MANIFEST.format(id="five", version="1.0.0"))
    legacy.llamagate("migrate")
    assert "five" in legacy.registered()


def test_what_is_installed_wins(legacy: Session) -> None:
    legacy.package("one", version="2.0.0")
    legacy.llamagate("import", "packages/one")
    said = legacy.llamagate("migrate").out
    assert "one is installed in version 2.0.0; the old 1.0.0 is left out" in said
    assert legacy.registered()["one"]["version"] == "2.0.0"


def test_a_folder_with_nothing_in_it_marks_nothing_as_done(session: Session) -> None:
    (session.project / "extensions").mkdir()
    assert "found no package in extensions" in session.llamagate("migrate").out
    assert not marker(session).exists()


def test_a_folder_that_is_not_there(session: Session) -> None:
    assert "elsewhere" in failure(session, "migrate", "elsewhere").message
    assert not marker(session).exists()


def test_an_invalid_package_stops_it_unless_it_is_to_be_left_out(legacy: Session) -> None:
    legacy.write("extensions/bad/manifest.yaml", "name: bad\n")
    failed = failure(legacy, "migrate")
    assert {place.partition(":")[0] for place in failed.places} == {"extensions/bad/manifest.yaml"}
    assert "--skip-invalid" in failed.message
    assert snapshot(legacy.home / "extensions") == {}
    assert not marker(legacy).exists()
    assert "(left out)" in legacy.llamagate("migrate", "--skip-invalid").out
    assert len(legacy.registered()) == 4


def test_where_nothing_is_valid_nothing_is_marked_as_done(session: Session) -> None:
    session.write("extensions/bad/manifest.yaml", "name: bad\n")
    session.llamagate("migrate", "--skip-invalid")
    assert not marker(session).exists()


def test_a_package_in_the_place_of_the_folder(session: Session) -> None:
    session.package("foo")
    said = session.llamagate("migrate", "packages/foo").out
    told = "found no package in packages/foo; it is a package itself: 'llamagate import packages/foo' installs it"
    assert told in said
    assert not marker(session).exists()


def test_a_folder_that_cannot_be_read_is_named_and_marks_nothing(
    legacy: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("extensions/group"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "extensions/group" in failure(legacy, "migrate").message
    found = legacy.llamagate("doctor", "--json", exits=1).json["findings"]
    assert "unreadable" in [one["code"] for one in found]
    assert not marker(legacy).exists()


def test_two_folders_with_one_id(legacy: Session) -> None:
    legacy.write("extensions/again/manifest.yaml", MANIFEST.format(id="ONE", version="1.0.0"))
    said = legacy.llamagate("migrate", exits=1)
    assert "has the id 'one' too" in said.err


def test_save_lists_them_and_the_next_apply_has_nothing_to_do(legacy: Session) -> None:
    legacy.llamagate("migrate", "--save")
    text = (legacy.project / "llamagate.yaml").read_text()
    assert "  two: ./extensions/group/two\n" in text
    assert legacy.actions() == []
    assert legacy.record()["items"][0]["owner"] == "default"


def test_what_was_migrated_before_can_be_saved_later(legacy: Session) -> None:
    legacy.llamagate("migrate")
    done = legacy.llamagate("migrate", "--save", "--json").json
    assert (done["generation"], [action["action"] for action in done["actions"]]) == (2, ["adopt"] * 4)
    assert "  two: ./extensions/group/two\n" in (legacy.project / "llamagate.yaml").read_text()
    assert legacy.actions() == []
    before = legacy.everything()
    legacy.llamagate("migrate", "--save")
    assert legacy.everything() == before
