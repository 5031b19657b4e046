"""Changing places: never a moment without a folder, and a way round where the system refuses."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from reconciler.fs import swap
from reconciler.fs.durable import temporary_path
from tests.fs.hostile import mounted, names, traced

EXCHANGE = "from reconciler.fs.swap import exchange; print(exchange(Path(sys.argv[1]), Path(sys.argv[2])))"
MOVE = "from reconciler.fs.swap import move; move(Path(sys.argv[1]), Path(sys.argv[2]))"
RENAMES = "rename,renameat"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(name)
    return tmp_path / "first", tmp_path / "second"


def content(folder: Path) -> str:
    return (folder / "manifest.yaml").read_text()


def exchange_or_skip(first: Path, second: Path) -> None:
    if not swap.exchange(first, second):
        pytest.skip("this file system has no exchange")


def test_exchange_changes_places(pair: tuple[Path, Path]) -> None:
    exchange_or_skip(*pair)
    assert [content(folder) for folder in pair] == ["second", "first"]


@pytest.mark.skipif(sys.platform != "linux", reason="a number of Linux")
def test_exchange_through_the_system_call_number(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    exchange_or_skip(*pair)
    call = swap._linux_call(cast(ctypes.CDLL, SimpleNamespace(syscall=ctypes.CDLL(None, use_errno=True).syscall)))
    if call is None:
        pytest.skip("the number is not known for this processor")
    assert call(os.fsencode(pair[0]), os.fsencode(pair[1])) == 0
    assert [content(folder) for folder in pair] == ["first", "second"]


@pytest.mark.parametrize("error", ["EINVAL", "EXDEV", "ENOSYS", "EOPNOTSUPP"])
def test_refused_exchange_is_an_answer(pair: tuple[Path, Path], tmp_path: Path, error: str) -> None:
    inject = f"renameat2:error={error}"
    assert traced(tmp_path / "trace", EXCHANGE, *pair, calls="renameat2", inject=inject) == "False"
    assert content(pair[0]) == "first"


def test_failed_exchange_names_both_paths(pair: tuple[Path, Path], tmp_path: Path) -> None:
    exchange_or_skip(*pair)
    absent = tmp_path / "absent"
    with pytest.raises(FileNotFoundError) as caught:
        swap.exchange(pair[0], absent)
    assert (caught.value.errno, caught.value.filename, caught.value.filename2) == (
        errno.ENOENT,
        str(pair[0]),
        str(absent),
    )


def test_exchange_is_no_answer_without_the_call(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_exchanger", lambda: None)
    assert not swap.exchange(*pair)


@pytest.mark.parametrize("target", ["third", "empty"])
def test_move_is_a_rename(pair: tuple[Path, Path], tmp_path: Path, target: str) -> None:
    (tmp_path / "empty").mkdir()
    inode = pair[0].stat().st_ino
    swap.move(pair[0], tmp_path / target)
    assert (tmp_path / target).stat().st_ino == inode
    assert not pair[0].exists()


def test_move_never_replaces_a_folder_in_use(pair: tuple[Path, Path]) -> None:
    with pytest.raises(OSError, match=f"(?i){os.strerror(errno.ENOTEMPTY)}.*'{re.escape(str(pair[1]))}'"):
        swap.move(*pair)
    assert [content(folder) for folder in pair] == ["first", "second"]


def test_move_copies_where_a_rename_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "third"
    temporary_path(target).mkdir()
    (temporary_path(target) / "left by a crash").touch()
    traced(tmp_path / "trace", MOVE, pair[0], target, calls=RENAMES, inject=f"{RENAMES}:error=EXDEV:when=1")
    assert names(target) == ["manifest.yaml"]
    assert names(tmp_path) == ["second", "third", "trace"]


def test_move_by_copy_removes_the_source_last(pair: tuple[Path, Path], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = f"{RENAMES},syncfs,fsync,unlinkat,rmdir"
    traced(trace, MOVE, pair[0], tmp_path / "third", calls=calls, inject=f"{RENAMES}:error=EXDEV:when=1")
    order = re.findall(r"rename|sync|unlink|rmdir", trace.read_text())
    assert order[-4:] == ["rename", "sync", "unlink", "rmdir"]


def test_move_by_copy_never_replaces_a_folder_in_use(pair: tuple[Path, Path], tmp_path: Path) -> None:
    code = f"try: {MOVE}\nexcept OSError as error: print(error.errno, error.filename2)"
    said = traced(tmp_path / "trace", code, *pair, calls=RENAMES, inject=f"{RENAMES}:error=EXDEV:when=1")
    assert said == f"{errno.ENOTEMPTY} {pair[1]}"
    assert [content(folder) for folder in pair] == ["first", "second"]


def test_failed_copy_leaves_the_source_whole(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (pair[0] / "big").write_bytes(bytes(1 << 20))
    with mounted("tmpfs", "size=64k", tmp_path / "small") as disk:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            swap.move(pair[0], disk / "first")
        assert names(disk) == []
    assert names(pair[0]) == ["big", "manifest.yaml"]


def test_move_to_another_file_system_leaves_nothing_beside_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with mounted("tmpfs", "size=1m", tmp_path / "other") as disk:
        (disk / "installed").mkdir()
        swap.move(pair[0], disk / "installed" / "first")
        assert content(disk / "installed" / "first") == "first"
        assert names(disk / "installed") == ["first"]
    assert not pair[0].exists()


@pytest.fixture
def layered(tmp_path: Path) -> Iterator[Path]:
    """A folder whose content lies in the lower layer of an overlay, as in a container image."""
    with mounted("tmpfs", "size=1m", tmp_path / "layers") as layers:
        for name in ("lower/old", "upper", "work"):
            (layers / name).mkdir(parents=True)
        (layers / "lower" / "old" / "manifest.yaml").write_text("old")
        options = f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work"
        with mounted("overlay", options, tmp_path / "merged") as merged:
            yield merged


def test_layered_folder_is_moved_and_not_exchanged(layered: Path) -> None:
    (layered / "new").mkdir()
    assert not swap.exchange(layered / "old", layered / "new")
    swap.move(layered / "old", layered / "kept")
    assert content(layered / "kept") == "old"
    assert names(layered) == ["kept", "new"]


def test_same_filesystem(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("first")
    assert swap.same_filesystem(tmp_path / "link", pair[1])
    with mounted("tmpfs", "size=64k", tmp_path / "other") as disk:
        assert not swap.same_filesystem(disk, pair[1])
    with pytest.raises(FileNotFoundError):
        swap.same_filesystem(tmp_path, tmp_path / "absent")
