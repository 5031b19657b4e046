"""Files of editors and systems make no change, and what older rules took is renewed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from reconciler.apply.cleanup import prune, prune_cache
from reconciler.model.digest import tree_digest
from reconciler.model.home import Home
from tests.cli.shell import Session
from tests.sources.git_servers import GitOverHttp, Origin, git_over_http
from tests.support.packages import MANIFEST, pack

EDITED = (".notes.md.swp", "4913", "notes.md~", ".#notes.md", ".idea/workspace.xml")


def test_an_editor_beside_a_package_makes_no_change(session: Session) -> None:
    session.package("foo", files={"notes.md": "hi"})
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    for name in EDITED:
        session.write(f"packages/foo/{name}", "?")
    assert session.actions() == []
    assert session.llamagate("lock").out == session.llamagate("lock").out
    session.llamagate("apply", "--locked")
    assert session.llamagate("history", "--json").json["generation"] == 1


def test_it_is_said_once_with_a_count(session: Session) -> None:
    session.package("foo", files={"notes.md": "hi", **dict.fromkeys(EDITED, "?")})
    said = session.llamagate("import", "packages/foo")
    assert (said.out + said.err).count("left out 5 names") == 1
    assert sorted(path.name for path in session.installed("foo").iterdir()) == ["manifest.yaml", "notes.md"]


@pytest.fixture
def served_git(session: Session) -> Iterator[GitOverHttp]:
    origin = Origin(session.base / "served" / "packages")
    origin.commit({"foo/manifest.yaml": MANIFEST.format(id="foo", version="1.0.0"), **OLD_CONTENT})
    with git_over_http(session.base / "served") as serving:
        yield serving


OLD_CONTENT = {"foo/a.md~": "old", "foo/.vscode/x": "y", "foo/.DS_Store": "z"}


def test_a_pin_of_older_rules_is_renewed_and_never_refused(session: Session, served_git: GitOverHttp) -> None:
    session.desired(f"extensions:\n  foo: {{source: {{git: '{served_git.url('packages')}', path: foo}}}}\n")
    session.llamagate("lock")
    lock = session.project / "llamagate.lock.yaml"
    fresh = lock.read_text()
    older = _with_tree(fresh, {"a.md~": b"old", ".vscode/x": b"y"})
    lock.write_text(older)
    _forget(session)
    session.llamagate("apply", "--locked")
    assert lock.read_text() == older
    _forget(session)
    said = session.llamagate("apply")
    assert "no longer content" in said.out + said.err
    assert lock.read_text() == fresh
    lock.write_text(_with_tree(fresh, {"a.md~": b"other"}))
    _forget(session)
    session.llamagate("apply", exits=5)


@pytest.mark.parametrize("rebuilt", [True, False], ids=["index built again", "older index"])
def test_a_pin_of_older_rules_from_a_catalog_is_renewed_and_never_refused(session: Session, rebuilt: bool) -> None:
    session.package("foo", files={"a.md~": "old", "b.log": "b", ".llamagateignore": "*.log\n"})
    (session.project / "shop").mkdir()
    pack(session.project / "packages/foo", session.project / "shop/foo-1.0.0.zip")
    session.llamagate("catalog", "build", "shop")
    session.desired("extensions:\n  foo: {source: {catalog: ./shop}}\n")
    session.llamagate("lock")
    lock, index = session.project / "llamagate.lock.yaml", session.project / "shop/index.json"
    fresh, built = lock.read_text(), index.read_text()
    files = {"a.md~": b"old", "b.log": b"b", ".llamagateignore": b"*.log\n"}
    lock.write_text(_with_tree(fresh, files).replace("rules: 2\n", ""))
    index.write_text(_with_tree(built, files).replace('  "rules": 2,\n', ""))
    if rebuilt:
        session.llamagate("catalog", "build", "shop")
        assert index.read_text() == built
    _forget(session)
    assert "the lock is renewed" in session.llamagate("apply").out
    assert lock.read_text() == fresh


def _with_tree(lock: str, more: dict[str, bytes]) -> str:
    files = {"manifest.yaml": MANIFEST.format(id="foo", version="1.0.0").encode(), **more}
    tree = tree_digest({path: hashlib.sha256(data).hexdigest() for path, data in files.items()})
    before = re.search(r"sha256:[0-9a-f]{64}", lock[lock.index("tree") :])
    assert before is not None
    return lock.replace(before[0], tree)


def _forget(session: Session) -> None:
    shutil.rmtree(session.home)


# Generations of a watcher


def _generations(session: Session, *made: tuple[str, int]) -> Home:
    """Generations by these commands, at these minutes."""
    home = Home(session.home)
    home.generations.mkdir(parents=True)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, (command, minute) in enumerate(made, 1):
        at = (start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        head = {"schema": 1, "generation": number, "list_of": number, "applied_at": at, "command": command}
        home.old_generation(number).write_text(json.dumps({**head, "items": []}, indent=2))
    return home


def _kept(home: Home) -> list[int]:
    return sorted(int(path.stem) for path in home.generations.iterdir())


APPLY, WATCH = "llamagate apply", "llamagate watch"


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        ([(APPLY, 0), (WATCH, 60), (WATCH, 61), (WATCH, 62), (WATCH, 63)], [1, 2, 4, 5]),
        ([(APPLY, 0), (WATCH, 60), (WATCH, 65), (WATCH, 70), (WATCH, 75)], [2, 3, 4, 5]),
        ([(APPLY, 0), (APPLY, 1), (APPLY, 2), (APPLY, 3), (APPLY, 4)], [2, 3, 4, 5]),
        ([(APPLY, 0), (WATCH, 1), (APPLY, 2), (WATCH, 3), (WATCH, 4)], [2, 3, 4, 5]),
        ([(WATCH, 0), (WATCH, 1), (WATCH, 2), (APPLY, 3), (APPLY, 4)], [1, 3, 4, 5]),
    ],
    ids=["run", "slow", "by hand", "between", "first"],
)
def test_inner_generations_of_a_run_go_first(session: Session, made: list[tuple[str, int]], kept: list[int]) -> None:
    home = _generations(session, *made)
    prune(home, backups=1, generations=4)
    assert _kept(home) == kept


def test_a_generation_that_a_backup_needs_stays(session: Session) -> None:
    home = _generations(session, (APPLY, 0), *((WATCH, minute) for minute in range(60, 65)))
    (home.backups / "extension" / "foo" / "4").mkdir(parents=True)
    prune(home, backups=1, generations=5)
    assert _kept(home) == [1, 2, 3, 5, 6]
    prune(home, backups=1, generations=4)
    assert _kept(home) == [2, 3, 5, 6]


def test_a_folder_of_generations_that_cannot_be_read_costs_no_package(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0.0", "2.0.0"):
        session.package("foo", version=version)
        session.llamagate("import", "packages/foo")
    home = Home(session.home)
    listdir, scandir = os.listdir, os.scandir

    def refusing(read: Callable[[Path], object], path: Path) -> object:
        if Path(path) == home.generations:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return read(path)

    monkeypatch.setattr(os, "listdir", partial(refusing, listdir))
    monkeypatch.setattr(os, "scandir", partial(refusing, scandir))
    with pytest.raises(PermissionError):
        prune_cache(home)
    monkeypatch.undo()
    session.llamagate("rollback")
    assert session.registered()["foo"]["version"] == "1.0.0"


def test_rollback_and_history_pass_over_what_is_gone(session: Session) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        session.package("foo", version=version)
        session.llamagate("import", "packages/foo")
    session.generation_path(2).unlink()
    rows = session.llamagate("history", "--json").json["generations"]
    assert rows[0]["changes"] == ["~ foo 1.0.0 → 3.0.0"]
    session.llamagate("rollback")
    assert session.registered()["foo"]["version"] == "1.0.0"
