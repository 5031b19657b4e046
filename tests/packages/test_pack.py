"""Packing: what comes out is what went in, and the same files always give the same bytes."""

from __future__ import annotations

import errno
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.errors import InputError, StorageError
from reconciler.model.desired import Limits
from reconciler.model.digest import Digest, tree_digest
from reconciler.packages.content import Content, Part, read
from reconciler.packages.folder import open_folder
from reconciler.packages.zip.pack import is_packed, pack, packed_small
from reconciler.packages.zip.packed import open_packed
from tests.hostile.archives import opened
from tests.hostile.zip_builder import Entry, build, streamed
from tests.support.laws import examples


def packed(content: Content) -> bytes:
    out = io.BytesIO()
    pack(content, out)
    return out.getvalue()


@pytest.fixture
def package(tmp_path: Path) -> Content:
    root = tmp_path / "package"
    (root / "sub").mkdir(parents=True)
    (root / "manifest.yaml").write_bytes(b"hello\n")
    (root / "empty").write_bytes(b"")
    (root / "sub" / "caf\u00e9").write_bytes(bytes(100_000))
    (root / "sub" / "run").write_bytes(b"#!")
    (root / "sub" / "run").chmod(0o755)
    return open_folder(root, limits=Limits(), name="package")


def test_a_packed_package_is_the_same_package(package: Content, tmp_path: Path) -> None:
    again = opened(tmp_path, packed(package))
    assert again.files == package.files
    assert [read(again, entry.path) for entry in again.files] == [read(package, entry.path) for entry in package.files]


def test_packing_what_was_packed_changes_no_byte(package: Content, tmp_path: Path) -> None:
    assert packed(opened(tmp_path, packed(package))) == packed(package)


def test_how_a_package_came_does_not_show(tmp_path: Path) -> None:
    plain = [Entry(name="manifest.yaml", data=b"1"), Entry(name="b", data=b"2", deflate=True)]
    other = [Entry(name="x/", data=b"", mode=0o040755), Entry(name="x/b", data=b"2")]
    one = packed(opened(tmp_path, build(plain, comment=b"one")))
    two = packed(opened(tmp_path, build([*other, Entry(name="x/manifest.yaml", data=b"1", mode=0o100600)])))
    assert one == two


def test_other_readers_agree(package: Content) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(package))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [entry.path for entry in package.files]
        assert [info.external_attr >> 16 for info in archive.infolist()] == [0o100644, 0o100644, 0o100644, 0o100755]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_format_is_fixed(tmp_path: Path) -> None:
    """The bytes themselves, so that an update of this program does not change what it packed before."""
    content = opened(tmp_path, build([streamed(b"hi")]))
    assert packed(content).hex() == (
        "504b030414000008000000002100ac2a93d802000000020000000d0000006d616e69666573742e79616d6c6869"
        "504b0102140314000008000000002100ac2a93d802000000020000000d0000000000000000000000a481000000006d616e69666573742e79"
        "616d6c504b050600000000010001003b0000002d0000000000"
    )


@pytest.mark.parametrize("size", [0, 10, 100_000, 2**21], ids=["nothing", "little", "zeros", "zeros like a bomb"])
def test_deflated_it_is_the_same_package_and_no_larger(tmp_path: Path, size: int) -> None:
    root = tmp_path / "package"
    root.mkdir()
    (root / "manifest.yaml").write_bytes(bytes(size))
    content = open_folder(root, limits=Limits(), name="package")
    out, again = io.BytesIO(), io.BytesIO()
    pack(content, out, deflates=True)
    assert len(out.getvalue()) <= len(packed(content))
    found = opened(tmp_path, out.getvalue())
    assert (found.files, read(found, "manifest.yaml")) == (content.files, bytes(size))
    pack(found, again, deflates=True)
    assert again.getvalue() == out.getvalue()


def test_a_package_that_changes_is_not_packed(package: Content, tmp_path: Path) -> None:
    (tmp_path / "package" / "empty").write_bytes(b"no longer")
    with pytest.raises(InputError, match="entry 'empty': changed while it was read"):
        packed(package)


NAMES = st.sampled_from(["manifest.yaml", "a", "b/c", "b/d", "b/e/f", "\u00fc", "z.txt"])
FILES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=300), st.booleans()), min_size=1)


@settings(examples(0.6), database=None)
@given(files=FILES)
def test_any_package_survives_packing(tmp_path: Path, files: dict[str, tuple[bytes, bool]]) -> None:
    entries = [
        Entry(name=name, data=data, deflate=True, mode=0o100755 if executable else 0o100644)
        for name, (data, executable) in {"manifest.yaml": (b"", False), **files}.items()
    ]
    content = opened(tmp_path, build(entries))
    assert opened(tmp_path, packed(content)).files == content.files


def test_a_kept_package_that_the_disk_does_not_give_is_named(
    package: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.zip"
    kept.write_bytes(packed(package))

    def refused(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", refused)
    with pytest.raises(StorageError, match=re.escape(str(kept))):
        open_packed(kept, Digest("sha256:0"), limits=Limits(), name="kept")


# What is kept is held against what would be packed: it need not be opened for that


def tree_of(content: Content) -> Digest:
    return tree_digest({entry.path: entry.sha256 for entry in content.files})


@settings(examples(0.6), database=None)
@given(files=FILES)
def test_what_was_packed_is_known_again(tmp_path: Path, files: dict[str, tuple[bytes, bool]]) -> None:
    entries = [
        Entry(name=name, data=data, mode=0o100755 if executable else 0o100644)
        for name, (data, executable) in {"manifest.yaml": (b"", False), **files}.items()
    ]
    content = opened(tmp_path, build(entries))
    assert is_packed(packed_small(content), tree_of(content))
    assert not is_packed(packed_small(content), Digest("sha256:0"))


def test_no_byte_of_it_may_differ(tmp_path: Path) -> None:
    content = opened(tmp_path, build([Entry(name="manifest.yaml", data=b"x: 1"), Entry(name="a/run", mode=0o100755)]))
    data, tree = packed_small(content), tree_of(content)
    for at in range(len(data)):
        for bit in range(8):
            assert not is_packed(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :], tree)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"x" + data])
def test_nothing_may_be_missing_or_more(package: Content, change: Callable[[bytes], bytes]) -> None:
    data = packed_small(package)
    assert is_packed(data, tree_of(package))
    assert not is_packed(change(data), tree_of(package))


@pytest.mark.parametrize("data", [b"", b"PK", bytes(22), bytes(100), b"PK\x05\x06" + b"\xff" * 18], ids=len)
def test_what_is_no_archive_is_none(data: bytes) -> None:
    assert not is_packed(data, tree_digest({}))


def test_names_twice_are_none(tmp_path: Path) -> None:
    """Each header is right: the tree is that of one of the two."""
    one = opened(tmp_path, build([Entry(name="manifest.yaml", data=b"1")]))
    twice = Part(one, (*one.files, *one.files))
    assert not is_packed(packed_small(twice), tree_of(one))


def test_a_name_that_holds_lines_of_a_tree_is_none(tmp_path: Path) -> None:
    """The tree covers lines: one file may be called like the rest of a line and the next one."""
    content = opened(tmp_path, build([Entry(name="a", data=b"1"), Entry(name="manifest.yaml", data=b"2")]))
    first, second = content.files
    joined = replace(first, path=f"{first.path}\n{second.sha256}  {second.path}")
    assert tree_of(Part(content, (joined,))) == tree_of(content)
    assert not is_packed(packed_small(Renamed(content, (joined,))), tree_of(content))


class Renamed(Part, frozen=True):
    """Its only file has the bytes of the first one."""

    def chunks(self, path: str) -> Iterator[bytes]:
        return self.whole.chunks(self.whole.files[0].path)
