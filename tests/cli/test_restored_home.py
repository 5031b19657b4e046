"""A home that was restored from an archive or copied is read whole once, and then trusted again."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.fs import tree
from tests.cli.shell import Session


def by_cp(home: Path, copy: Path) -> None:
    subprocess.run(["cp", "-a", home, copy], check=True)


def by_cp_without_times(home: Path, copy: Path) -> None:
    subprocess.run(["cp", "-r", home, copy], check=True)


def by_tar(home: Path, copy: Path) -> None:
    copy.mkdir()
    packed = subprocess.run(["tar", "-C", home, "-cf", "-", "."], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-C", copy, "-xf", "-"], check=True, input=packed)


def by_rsync(home: Path, copy: Path) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    subprocess.run(["rsync", "-a", f"{home}/", f"{copy}/"], check=True)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The installed files that are read whole."""
    found: list[str] = []
    real = tree.hash_file

    def hash_file(root: Path | str, path: str) -> str:
        if "/installed/" in str(root):
            found.append(path)
        return real(root, path)

    monkeypatch.setattr(tree, "hash_file", hash_file)
    return found


@pytest.mark.parametrize("restore", [by_cp, by_cp_without_times, by_tar, by_rsync])
def test_row_136_a_restored_home_is_read_once(
    session: Session, reads: list[str], restore: Callable[[Path, Path], None]
) -> None:
    session.package("foo", files={"a.md": "x"})
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    copy = session.base / "copy"
    restore(session.home, copy)
    shutil.rmtree(session.home)
    copy.rename(session.home)
    time.sleep(0.05)
    reads.clear()
    assert "nothing to do" in session.llamagate("apply").out.lower() or session.actions() == []
    assert sorted(set(reads)) == ["a.md", "manifest.yaml"]
    reads.clear()
    for verb in ("plan", "status", "apply", "list"):
        session.llamagate(verb)
    assert reads == []
    assert session.llamagate("history", "--json").json["generation"] == 1


def test_an_edit_in_a_restored_home_stays_drift(session: Session, reads: list[str]) -> None:
    session.package("foo", files={"a.md": "x"})
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    session.installed("foo", "a.md").write_text("y")
    time.sleep(0.05)
    for _ in range(2):
        session.llamagate("apply")
        assert [row["path"] for row in session.plan()["drift"]] == ["a.md"]
    assert "a.md" in reads


def test_a_source_that_was_touched_is_read_once(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    (session.project / "packages/foo/manifest.yaml").touch()
    before = _source_stamp(session)
    session.llamagate("apply")
    after = _source_stamp(session)
    assert before != after
    session.llamagate("apply")
    assert _source_stamp(session) == after


def _source_stamp(session: Session) -> str:
    [item] = session.record()["items"]
    return str(item["source_stamp"])
