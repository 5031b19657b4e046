"""Trees: what walk sees, what hash refuses, what create keeps, what remove removes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.fs import tree
from reconciler.fs.tree import NodeKind
from tests.fs.hostile import as_ordinary_user, names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "b" / "deep").mkdir(parents=True)
    (root / "b" / "deep" / "f").write_bytes(b"text")
    (root / "a").write_bytes(b"")
    (root / "c").symlink_to("b")
    os.mkfifo(root / "d")
    return root


def test_walk_sees_every_kind_in_order(root: Path) -> None:
    assert [(node.path, node.kind) for node in tree.walk(root)] == [
        ("a", NodeKind.FILE),
        ("b", NodeKind.FOLDER),
        ("b/deep", NodeKind.FOLDER),
        ("b/deep/f", NodeKind.FILE),
        ("c", NodeKind.LINK),
        ("d", NodeKind.OTHER),
    ]


def test_walk_gives_stamp_and_mode(root: Path) -> None:
    (root / "a").chmod(0o750)
    node = next(tree.walk(root))
    status = (root / "a").stat()
    assert node.stamp == (0, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    assert node.mode == 0o750


def test_walk_refuses_a_linked_root(root: Path) -> None:
    with pytest.raises(NotADirectoryError, match=re.escape(str(root / "c"))):
        list(tree.walk(root / "c"))


@pytest.mark.parametrize(("name", "error"), [("a", NotADirectoryError), ("absent", FileNotFoundError)])
def test_walk_needs_a_folder(root: Path, name: str, error: type[OSError]) -> None:
    with pytest.raises(error):
        list(tree.walk(root / name))


def test_walk_goes_on_in_the_tree_that_it_began(root: Path, tmp_path: Path) -> None:
    steps = tree.walk(root)
    next(steps)
    root.rename(tmp_path / "old")
    root.mkdir()
    assert [node.path for node in steps] == ["b", "b/deep", "b/deep/f", "c", "d"]


@pytest.mark.parametrize("seen", [1, 2, 3])
def test_walk_leaves_out_what_vanishes(root: Path, seen: int) -> None:
    steps = tree.walk(root)
    assert len([next(steps) for _ in range(seen)]) == seen
    tree.remove_tree(root / "b")
    assert [node.path for node in steps] == ["c", "d"]


def test_walk_leaves_no_descriptor_open(root: Path) -> None:
    before = len(names(Path("/dev/fd")))
    steps = tree.walk(root)
    assert [next(steps).path for _ in range(4)][-1] == "b/deep/f"
    del steps
    assert len(names(Path("/dev/fd"))) == before


def test_walk_keeps_names_that_are_not_text(tmp_path: Path) -> None:
    try:
        (tmp_path / "\udcff").mkdir()
    except OSError:
        pytest.skip("this file system takes text names only")
    assert [os.fsencode(node.path) for node in tree.walk(tmp_path)] == [b"\xff"]


def test_walk_names_the_folder_that_it_may_not_read(tmp_path: Path) -> None:
    (tmp_path / "a" / "closed").mkdir(parents=True)
    code = """
from reconciler.fs.tree import walk
Path('a/closed').chmod(0)
try: list(walk(Path('a')))
except PermissionError as error: print(error.filename)
"""
    assert as_ordinary_user(tmp_path, code) == "a/closed"


def test_walk_names_what_it_may_not_look_at(tmp_path: Path) -> None:
    """It goes by descriptors, below which an error has only the last part of a path."""
    (tmp_path / "a" / "listed").mkdir(parents=True)
    (tmp_path / "a" / "listed" / "file").touch()
    code = """
from reconciler.fs.tree import walk
Path('a/listed').chmod(0o400)
try: list(walk(Path('a')))
except PermissionError as error: print(error.filename)
"""
    assert as_ordinary_user(tmp_path, code) == "a/listed/file"


@pytest.mark.parametrize("size", [0, 5, (1 << 16) + 1])
def test_hash_is_sha256(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(bytes(size))
    assert tree.hash_file(tmp_path, "f") == hashlib.sha256(bytes(size)).hexdigest()


@pytest.mark.parametrize("path", ["b", "c", "d", "absent"])
def test_hash_refuses_all_but_files_and_never_blocks(root: Path, path: str) -> None:
    with pytest.raises(OSError, match=re.escape(str(root / path))):
        tree.hash_file(root, path)


def test_create_writes_all_and_returns_the_final_stamp(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    umask = os.umask(0o077)
    try:
        stamp = tree.create_file(folder, "f", [b"ab", b"", b"c"], 0o755)
    finally:
        os.umask(umask)
        os.close(folder)
    assert (tmp_path / "f").read_bytes() == b"abc"
    node = next(tree.walk(tmp_path))
    assert (node.stamp, node.mode) == (stamp, 0o755)


@pytest.mark.parametrize("taken", ["file", "link"])
def test_create_never_touches_what_is_there(tmp_path: Path, taken: str) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "file").write_bytes(b"old")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError):
            tree.create_file(folder, taken, [b"new"], 0o644)
    finally:
        os.close(folder)
    assert (tmp_path / taken).read_bytes() == b"old"


def test_remove_takes_everything_and_follows_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").touch()
    (root / "b" / "out").symlink_to(tmp_path / "outside")
    tree.remove_tree(root)
    assert not root.exists()
    assert (tmp_path / "outside" / "f").exists()


@pytest.mark.parametrize("name", ["a", "c", "d", "absent"])
def test_remove_takes_any_node_or_none(root: Path, name: str) -> None:
    tree.remove_tree(root / name)
    assert tree.inode_of(root / name) is None
    assert (root / "b" / "deep" / "f").exists()


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o500])
def test_remove_opens_closed_folders_of_its_own(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    code = f"""
from reconciler.fs.tree import remove_tree
for place in ('a/b/c', 'a/b', 'a'): Path(place).chmod({mode})
remove_tree(Path('a'))
print(Path('a').exists())
"""
    assert as_ordinary_user(tmp_path, code) == "False"


def test_remove_names_the_tree_that_it_could_not_remove(tmp_path: Path) -> None:
    (tmp_path / "mine" / "a" / "b").mkdir(parents=True)
    code = """
from reconciler.fs.tree import remove_tree
Path('mine').chmod(0o500)
try: remove_tree(Path('mine/a'))
except PermissionError as error: print(error.filename)
"""
    assert as_ordinary_user(tmp_path, code) == "mine/a"


def test_inode_is_that_of_the_node_itself(root: Path) -> None:
    assert tree.inode_of(root / "c") == os.lstat(root / "c").st_ino != tree.inode_of(root / "b")
    assert tree.inode_of(root / "absent") is None
    assert tree.inode_of(root / "a" / "below") is None


def test_what_is_at_a_path_that_may_not_be_asked_for(tmp_path: Path) -> None:
    """It never raises: neither for names that are too long, nor for circles or bytes that no path can have."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "circle").symlink_to("circle")
    nowhere = [tmp_path / name for name in ("x" * 300, "circle", "file/below", "\0")]
    assert [tree.kind_at(path) for path in nowhere] == [None] * 4
    assert tree.kind_at(tmp_path) is tree.NodeKind.FOLDER
    assert tree.kind_at(tmp_path / "link") is tree.NodeKind.FILE
    assert [tree.link_at(path) for path in (tmp_path / "link", tmp_path / "file", *nowhere[2:])] == [
        "file",
        None,
        None,
        None,
    ]


# A look that only asks whether anything was touched


@pytest.fixture
def files(tmp_path: Path) -> dict[str, tuple[object, ...]]:
    """Those of a folder, with their stamps."""
    (tmp_path / "item" / "b" / "deep").mkdir(parents=True)
    for path in ("a", "b/deep/run.sh"):
        (tmp_path / "item" / path).write_text("text")
    (tmp_path / "item" / "b/deep/run.sh").chmod(0o755)
    found = tree.walk(tmp_path / "item")
    return {node.path: ("of no interest", *node.stamp) for node in found if node.kind is NodeKind.FILE}


def linked(path: Path) -> None:
    """What was there is elsewhere, and a link leads to it."""
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def other_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


TOUCHED = {
    "written": ("a", lambda path: path.write_text("TEXT")),
    "touched": ("a", os.utime),
    "copied": ("b/deep/run.sh", lambda path: path.write_bytes(path.with_suffix(".kept").read_bytes())),
    "gone": ("b/deep/run.sh", Path.unlink),
    "its mode": ("b/deep/run.sh", lambda path: path.chmod(0o644)),
    "a folder": ("a", other_file),
    "a link": ("b/deep/run.sh", linked),
    "its folder a link": ("b/deep", linked),
    "the folder above a link": ("b", linked),
}


def test_what_nobody_touched(tmp_path: Path, files: dict[str, tuple[object, ...]]) -> None:
    (tmp_path / "item" / "local").write_text("of nobody")
    assert tree.executables_if_untouched(str(tmp_path / "item"), files) == frozenset(["b/deep/run.sh"])


@pytest.mark.parametrize(("path", "touch"), TOUCHED.values(), ids=TOUCHED)
def test_what_somebody_touched(
    tmp_path: Path, files: dict[str, tuple[object, ...]], path: str, touch: Callable[[Path], object]
) -> None:
    place = tmp_path / "item" / path
    if place.suffix:
        place.with_suffix(".kept").write_bytes(place.read_bytes())
    touch(place)
    try:
        assert tree.executables_if_untouched(str(tmp_path / "item"), files) is None
    except FileNotFoundError:
        assert not place.exists()


def test_an_item_that_is_a_link_is_not_looked_at(tmp_path: Path, files: dict[str, tuple[object, ...]]) -> None:
    (tmp_path / "link").symlink_to("item")
    with pytest.raises(OSError, match="link"):
        tree.executables_if_untouched(str(tmp_path / "link"), files)
