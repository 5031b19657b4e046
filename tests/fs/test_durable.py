"""Durable writes: all or nothing, in the right order, through links, and clean after a failure."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from reconciler.fs import durable
from tests.fs.hostile import mounted, names, traced

WRITE = "from reconciler.fs.durable import write_file; p = Path(sys.argv[1])\n"
TRY_TO_WRITE = WRITE + "try: write_file(p, b'new')\nexcept OSError as e: print(e.errno, e.filename)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "record.json"
    path.parent.mkdir()
    path.write_bytes(b"old")
    return path


def test_write_replaces_content_and_mode(file: Path) -> None:
    durable.write_file(file, b"new", mode=0o666)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o666
    assert names(file.parent) == ["record.json"]


def test_write_makes_a_new_inode_so_that_hard_links_keep_the_old_bytes(file: Path, tmp_path: Path) -> None:
    os.link(file, tmp_path / "backup")
    durable.write_file(file, b"new", sync=False)
    assert (tmp_path / "backup").read_bytes() == b"old"


def test_write_goes_behind_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("home/record.json")
    durable.write_file(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_write_behind_a_dangling_link_makes_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    durable.write_file(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"new"


def test_write_refuses_a_link_to_itself(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("link")
    with pytest.raises(OSError, match=re.escape(f"{os.strerror(errno.ELOOP)}: '{link}'")):
        durable.write_file(link, b"new")
    assert names(tmp_path) == ["link"]


def test_write_into_a_folder_that_is_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to("home")
    durable.write_file(tmp_path / "linked" / "record.json", b"new")
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("leftover", ["file", "folder", "link"])
def test_write_removes_what_a_crash_left(file: Path, leftover: str) -> None:
    stale = durable.temporary_path(file)
    if leftover == "link":
        stale.symlink_to("record.json")
    else:
        stale.touch() if leftover == "file" else stale.mkdir()
    durable.write_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert names(file.parent) == ["record.json"]


def test_write_over_a_folder_fails_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        durable.write_file(tmp_path / "taken", b"new")
    assert names(tmp_path) == ["taken"]


def test_write_survives_short_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:3]))
    durable.write_file(file, b"0123456789")
    assert file.read_bytes() == b"0123456789"


def test_temporary_is_named_after_its_target(tmp_path: Path) -> None:
    assert durable.temporary_path(tmp_path / "lock") == tmp_path / ".lock.llamagate-tmp"


def test_temporary_of_a_long_name_is_still_a_name(tmp_path: Path) -> None:
    long = tmp_path / ("ä" * 127)
    durable.write_file(long, b"new")
    assert long.read_bytes() == b"new"


def test_write_syncs_the_file_then_renames_then_syncs_the_folder(file: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    traced(trace, WRITE + "write_file(p, b'new')", file, calls="fsync,rename,renameat")
    calls = re.findall(r"(fsync\(\d+<(.*?)>|rename)", trace.read_text())
    temporary = str(durable.temporary_path(file))
    assert [path or call for call, path in calls] == [temporary, "rename", str(file.parent)]


def test_failed_sync_is_not_tried_again_and_changes_nothing(file: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    said = traced(trace, TRY_TO_WRITE, file, calls="fsync", inject="fsync:error=EIO:when=1+")
    assert said == f"{errno.EIO} {durable.temporary_path(file)}"
    assert trace.read_text().count("fsync(") == 1
    assert file.read_bytes() == b"old"
    assert names(file.parent) == ["record.json"]


def test_failed_sync_of_the_folder_is_raised_after_the_change(file: Path, tmp_path: Path) -> None:
    said = traced(tmp_path / "trace", TRY_TO_WRITE, file, calls="fsync", inject="fsync:error=EIO:when=2")
    assert said == f"{errno.EIO} {file.parent}"
    assert file.read_bytes() == b"new"


def test_failed_rename_changes_nothing(file: Path, tmp_path: Path) -> None:
    calls = "rename,renameat"
    said = traced(tmp_path / "trace", TRY_TO_WRITE, file, calls=calls, inject=f"{calls}:error=EACCES")
    assert said == f"{errno.EACCES} {durable.temporary_path(file)}"
    assert names(file.parent) == ["record.json"]


def test_full_disk_changes_nothing(tmp_path: Path) -> None:
    with mounted("tmpfs", "size=64k", tmp_path / "small") as disk:
        file = disk / "record.json"
        durable.write_file(file, b"old")
        with pytest.raises(OSError, match=re.escape(f"{os.strerror(errno.ENOSPC)}: '{durable.temporary_path(file)}'")):
            durable.write_file(file, bytes(1 << 20))
        assert file.read_bytes() == b"old"
        assert names(disk) == ["record.json"]


def test_unlink_syncs_the_folder(file: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = "from reconciler.fs.durable import unlink; unlink(Path(sys.argv[1]))"
    traced(trace, code, file, calls="unlink,fsync")
    assert re.findall(r"unlink|fsync\(\d+<.*?>", trace.read_text())[0] == "unlink"
    assert f"<{file.parent}>" in trace.read_text()
    assert not file.exists()


def test_unlink_of_nothing(tmp_path: Path) -> None:
    durable.unlink(tmp_path / "absent", missing_ok=True)
    durable.unlink(tmp_path / "no folder" / "absent", missing_ok=True)
    with pytest.raises(FileNotFoundError):
        durable.unlink(tmp_path / "absent")


def test_make_folders_makes_what_is_missing(tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "b", tmp_path / "a" / "b" / "c", tmp_path / "a"):
        durable.make_folders(folder)
        assert folder.is_dir()


def test_make_folders_syncs_each_parent(tmp_path: Path) -> None:
    code = "from reconciler.fs.durable import make_folders; make_folders(Path(sys.argv[1]))"
    (tmp_path / "home").mkdir()
    traced(tmp_path / "trace", code, tmp_path / "home" / "a" / "b", calls="fsync")
    synced = re.findall(r"fsync\(\d+<(.*?)>", (tmp_path / "trace").read_text())
    assert synced == [str(tmp_path / "home"), str(tmp_path / "home" / "a")]


@pytest.mark.parametrize("below", ["", "a"])
def test_make_folders_refuses_a_file_in_the_way(file: Path, below: str) -> None:
    with pytest.raises(FileExistsError, match=re.escape(f"'{file}'")):
        durable.make_folders(file / below)


def test_make_folders_goes_through_linked_folders(file: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to("home")
    durable.make_folders(tmp_path / "linked" / "a")
    assert (file.parent / "a").is_dir()


def test_rename_moves_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    durable.rename(tmp_path / "a", tmp_path / "b")
    assert names(tmp_path) == ["b"]


def test_last_moment_no_leaves_all_as_it_is(file: Path) -> None:
    before = file.read_bytes()
    assert not durable.write_file(file, b"new", still=lambda: False)
    assert file.read_bytes() == before
    assert names(file.parent) == [file.name]
    assert durable.write_file(file, b"new", still=lambda: True)
    assert file.read_bytes() == b"new"
