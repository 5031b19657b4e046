"""Carrying local nodes into a new tree, and copying whole trees."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from reconciler.fs.carry import carry, copy_tree
from reconciler.fs.durable import temporary_path
from reconciler.fs.tree import NodeKind, walk
from tests.fs.hostile import mounted, traced

CARRY = "from reconciler.fs.carry import carry; print(carry(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))"
LINKS = "link,linkat"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    root = tmp_path / "old"
    (root / "data" / "empty").mkdir(parents=True)
    (root / "data").chmod(0o750)
    (root / "data" / "log").write_bytes(b"one\n")
    (root / "data" / "log").chmod(0o640)
    os.utime(root / "data" / "log", ns=(5, 1_000_000_007))
    (root / "link").symlink_to("data/log")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def new(tmp_path: Path) -> Path:
    (tmp_path / "new").mkdir()
    return tmp_path / "new"


def shape(root: Path) -> list[tuple[str, NodeKind, int]]:
    return [(node.path, node.kind, node.mode) for node in walk(root)]


def test_carry_brings_every_node(old: Path, new: Path) -> None:
    assert all(carry(old, new, node.path) for node in walk(old))
    assert shape(new) == shape(old)
    assert (new / "link").readlink() == Path("data/log")


def test_carry_again_changes_nothing(old: Path, new: Path) -> None:
    for _ in range(2):
        assert all(carry(old, new, node.path) for node in walk(old))
    assert shape(new) == shape(old)


def test_carry_keeps_what_an_open_program_writes(old: Path, new: Path) -> None:
    with (old / "data" / "log").open("ab", buffering=0) as program:
        carry(old, new, "data/log")
        program.write(b"two\n")
    assert (new / "data" / "log").read_bytes() == b"one\ntwo\n"


def test_carry_makes_missing_parents_with_their_modes(old: Path, new: Path) -> None:
    carry(old, new, "data/empty")
    assert shape(new) == [("data", NodeKind.FOLDER, 0o750), ("data/empty", NodeKind.FOLDER, 0o755)]


def test_carried_folder_can_be_filled_by_its_owner(old: Path, new: Path) -> None:
    (old / "data").chmod(0o550)
    carry(old, new, "data")
    assert shape(new) == [("data", NodeKind.FOLDER, 0o750)]


@pytest.mark.parametrize("path", ["data/log", "link"])
def test_carry_replaces_another_node(old: Path, new: Path, path: str) -> None:
    (new / "data").mkdir()
    (new / path).write_bytes(b"from the package")
    temporary_path(new / path).write_bytes(b"left by a crash")
    carry(old, new, path)
    assert (new / path).read_bytes() == b"one\n" if path == "data/log" else (new / path).is_symlink()
    assert not temporary_path(new / path).exists()


def test_carry_never_puts_a_file_over_a_folder(old: Path, new: Path) -> None:
    (new / "data" / "log").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        carry(old, new, "data/log")
    assert [node.path for node in walk(new)] == ["data", "data/log"]


def test_carry_never_puts_a_folder_over_a_file(old: Path, new: Path) -> None:
    (new / "data").write_bytes(b"from the package")
    with pytest.raises(FileExistsError):
        carry(old, new, "data")


def test_carry_of_what_is_gone(old: Path, new: Path) -> None:
    with pytest.raises(FileNotFoundError):
        carry(old, new, "data/gone")


@pytest.mark.parametrize("error", ["EPERM", "EXDEV", "EMLINK", "EOPNOTSUPP"])
def test_carry_copies_where_links_are_refused(old: Path, new: Path, tmp_path: Path, error: str) -> None:
    inject = f"{LINKS}:error={error}"
    assert traced(tmp_path / "trace", CARRY, old, new, "data/log", calls=LINKS, inject=inject) == "True"
    source, target = (old / "data" / "log").stat(), (new / "data" / "log").stat()
    assert target.st_ino != source.st_ino
    assert (target.st_mode, target.st_mtime_ns, target.st_size) == (source.st_mode, source.st_mtime_ns, 4)


def test_carry_reports_a_pipe_that_it_cannot_link(old: Path, new: Path, tmp_path: Path) -> None:
    inject = f"{LINKS}:error=EPERM"
    assert traced(tmp_path / "trace", CARRY, old, new, "pipe", calls=LINKS, inject=inject) == "False"
    assert shape(new) == []


def test_carry_does_not_copy_after_a_real_failure(old: Path, new: Path, tmp_path: Path) -> None:
    code = f"try: {CARRY}\nexcept OSError as error: print(error.errno)"
    inject = f"{LINKS}:error=EIO"
    assert traced(tmp_path / "trace", code, old, new, "data/log", calls=LINKS, inject=inject) == str(errno.EIO)
    assert shape(new / "data") == []


def test_carry_onto_a_full_disk_leaves_no_half(old: Path, tmp_path: Path) -> None:
    (old / "big").write_bytes(bytes(1 << 20))
    with mounted("tmpfs", "size=64k", tmp_path / "small") as disk:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            carry(old, disk, "big")
        assert shape(disk) == []


def test_copy_keeps_content_modes_times_and_links(old: Path, tmp_path: Path) -> None:
    os.utime(old / "data", ns=(5, 2_000_000_009))
    target = tmp_path / "copy"
    copy_tree(old, target)
    assert shape(target) == [node for node in shape(old) if node[0] != "pipe"]
    assert (target / "data" / "log").read_bytes() == b"one\n"
    assert (target / "data" / "log").stat().st_mtime_ns == 1_000_000_007
    assert (target / "data").stat().st_mtime_ns == 2_000_000_009
    assert (target / "link").readlink() == Path("data/log")


def test_copy_of_a_read_only_folder(old: Path, tmp_path: Path) -> None:
    (old / "data").chmod(0o555)
    copy_tree(old, tmp_path / "copy")
    assert (tmp_path / "copy" / "data").stat().st_mode & 0o777 == 0o555


def test_copy_never_follows_a_linked_root(old: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to("old")
    with pytest.raises(NotADirectoryError):
        copy_tree(tmp_path / "linked", tmp_path / "copy")


def test_copy_never_joins_what_is_there(old: Path, new: Path) -> None:
    with pytest.raises(FileExistsError):
        copy_tree(old, new)


@pytest.mark.parametrize("syncfs", ["", "syncfs:error=ENOSYS"], ids=["syncfs", "file by file"])
def test_copy_is_synced_and_its_folder_last(old: Path, tmp_path: Path, syncfs: str) -> None:
    code = "from reconciler.fs.carry import copy_tree; copy_tree(Path(sys.argv[1]), Path(sys.argv[2]))"
    trace = tmp_path / "trace"
    traced(trace, code, old, tmp_path / "copy", calls="fsync,syncfs", inject=syncfs)
    lines = trace.read_text().splitlines()
    assert f"<{tmp_path}>" in lines[-1]
    assert len(lines) == (6 if syncfs else 2)
