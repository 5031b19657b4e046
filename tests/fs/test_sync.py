"""Syncing trees and file systems: what is synced, and what a refusal or a failure looks like."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.fs import sync
from tests.fs.hostile import mounted, python, traced

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="syncfs is a call of Linux")
FILESYSTEM = (
    "from reconciler.fs.sync import sync_filesystem\n"
    "try: print(sync_filesystem(Path(sys.argv[1])))\nexcept OSError as e: print(e.errno, e.filename)"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "f").touch()
    (root / "top").touch()
    (root / "link").symlink_to("top")
    os.mkfifo(root / "pipe")
    return root


def test_sync_tree_takes_files_before_folders_and_inner_before_outer(tree: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    traced(trace, "from reconciler.fs.sync import sync_tree; sync_tree(Path(sys.argv[1]))", tree, calls="fsync")
    synced = [os.path.relpath(path, tree) for path in re.findall(r"fsync\(\d+<(.*?)>", trace.read_text())]
    assert synced == ["a/b/f", "top", "a/b", "a", "."]


@linux_only
def test_sync_filesystem_is_one_call(tree: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert traced(trace, FILESYSTEM, tree, calls="syncfs,fsync") == "True"
    assert len(trace.read_text().splitlines()) == 1


@linux_only
@pytest.mark.parametrize(
    ("error", "said"), [("ENOSYS", "False"), ("EINVAL", "False"), ("EIO", f"{errno.EIO} {{tree}}")], ids=str
)
def test_sync_filesystem_tells_refusal_from_failure(tree: Path, tmp_path: Path, error: str, said: str) -> None:
    answer = traced(tmp_path / "trace", FILESYSTEM, tree, calls="syncfs", inject=f"syncfs:error={error}")
    assert answer == said.format(tree=tree)


@linux_only
def test_a_file_system_that_only_acknowledges_is_synced_file_by_file(tree: Path, tmp_path: Path) -> None:
    """FUSE, and whatever else is not on the list: here the list is empty."""
    code = FILESYSTEM.replace("try:", "from reconciler.fs import sync\nsync._KEEP_THEIR_WORD = {}\ntry:")
    trace = tmp_path / "trace"
    assert traced(trace, code, tree, calls="syncfs,fsync") == "False"
    assert trace.read_text() == ""


@linux_only
@pytest.mark.parametrize(("kind", "number"), [("tmpfs", 0x01021994), ("ramfs", 0x858458F6)])
def test_the_type_of_a_file_system_is_asked_for(tmp_path: Path, kind: str, number: int) -> None:
    with mounted(kind, "rw", tmp_path / kind) as folder:
        code = "import ctypes, os; from reconciler.fs import sync\n"
        code += "print(sync._kind(ctypes.CDLL(None), os.open(sys.argv[1], os.O_RDONLY)))"
        assert int(subprocess.check_output(python(code, folder))) == number
        assert sync.sync_filesystem(folder) == (kind == "tmpfs")


@linux_only
def test_without_such_a_call_each_of_many_folders_is_synced(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(12)]
    for folder in folders:
        folder.mkdir()
    code = "from reconciler.apply.steps import sync_entries; sync_entries(f'{name}/x' for name in sys.argv[1:])"
    for inject, count in (("", 0), ("syncfs:error=ENOSYS", 12)):
        traced(tmp_path / "trace", code, *folders, calls="fsync,syncfs", inject=inject)
        assert len(re.findall(r"fsync\(", (tmp_path / "trace").read_text())) == count


@linux_only
@pytest.mark.parametrize("release", ["4.18.0-553.el8.x86_64", "5.7.19", "4.4.0", "unknown"])
def test_a_kernel_that_hides_errors_is_not_trusted(tree: Path, monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(["Linux", "host", release, "#1", "x86_64"]))
    assert not sync.sync_filesystem(tree)


@pytest.mark.parametrize("error", ["EINVAL", "EOPNOTSUPP"])
def test_a_file_system_without_folder_sync_is_no_failure(tree: Path, tmp_path: Path, error: str) -> None:
    code = "from reconciler.fs.sync import sync_folder; sync_folder(Path(sys.argv[1])); print('done')"
    assert traced(tmp_path / "trace", code, tree, calls="fsync", inject=f"fsync:error={error}") == "done"


def test_sync_folder_of_nothing_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "absent"))):
        sync.sync_folder(tmp_path / "absent")


def test_sync_folder_follows_a_link(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to("tree")
    sync.sync_folder(tmp_path / "linked")
