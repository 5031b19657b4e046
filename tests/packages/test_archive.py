"""What an archive offers once it is open, and what happens when it is not what it was."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.package import FileEntry
from reconciler.packages.content import read
from reconciler.packages.stamps import archive_stamp
from reconciler.packages.zip.archive import open_archive
from tests.hostile.archives import LIMITS, opened
from tests.hostile.zip_builder import Entry, build

HELLO = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
PACKAGE = build([Entry(name="top/b", data=b"hello\n", mode=0o100755), Entry(name="top/manifest.yaml", data=b"")])
LARGE = Entry(name="large", data=b"hello\n" * 20_000)
LARGE_PACKAGE = build([LARGE])


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_archive(path, limits=LIMITS, name="x.zip")
    return caught.value.message


def test_files_are_sorted_and_hashed_and_one_folder_around_all_is_looked_through(tmp_path: Path) -> None:
    content = opened(tmp_path, PACKAGE)
    assert [entry.path for entry in content.files] == ["b", "manifest.yaml"]
    assert content.files[0] == FileEntry(path="b", sha256=HELLO, size=6, executable=True)
    assert read(content, "b") == b"hello\n"
    assert content.notes == ()


@pytest.mark.parametrize("beside", ["manifest.yaml", "other/file"])
def test_a_folder_that_does_not_hold_all_stays(tmp_path: Path, beside: str) -> None:
    content = opened(tmp_path, build([Entry(name="top/b"), Entry(name=beside), Entry(name="__MACOSX/._b")]))
    assert [entry.path for entry in content.files] == sorted([beside, "top/b"])


def test_files_are_sorted_by_their_bytes(tmp_path: Path) -> None:
    names = ["\U0001f600", "\uff5a", "z", "B", "a-b", "a/b"]
    content = opened(tmp_path, build([Entry(name=name) for name in names]))
    assert [entry.path for entry in content.files] == sorted(names, key=str.encode)


def test_the_order_of_the_directory_may_differ_from_that_of_the_file(tmp_path: Path) -> None:
    first, second = Entry(name="a"), Entry(name="b", data=b"second")
    listed = [Entry(name="b", data=b"second", written=False, central={"offset": len(first.local_part())}), first]
    body = first.local_part() + second.local_part()
    directory = listed[0].central_part(0) + first.central_part(0)
    data = body + directory + build([first, second])[-22:]
    assert [entry.path for entry in opened(tmp_path, data).files] == ["a", "b"]


def test_an_unknown_path_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        read(opened(tmp_path, PACKAGE), "top/b")


def test_a_link_to_an_archive_is_the_users_own(tmp_path: Path) -> None:
    opened(tmp_path, PACKAGE)
    (tmp_path / "link").symlink_to("bad.zip")
    assert open_archive(tmp_path / "link", limits=LIMITS, name="x.zip").files


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "none") == "x.zip: cannot be opened: No such file or directory; check the path"
    assert refused(tmp_path) == "x.zip: is not a regular file; name a zip archive"
    assert refused(tmp_path / "pipe") == "x.zip: is not a regular file; name a zip archive"


CHANGED = "bad.zip: changed since it was checked; run the command again"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every package counts as large: its content is read again from the archive."""
    monkeypatch.setattr("reconciler.packages.zip.archive.SMALL_BYTES", -1)


def test_a_small_package_is_what_it_was_when_it_was_checked(tmp_path: Path) -> None:
    content = opened(tmp_path, PACKAGE)
    (tmp_path / "bad.zip").write_bytes(PACKAGE.replace(b"hello", b"HELLO"))
    assert read(content, "b") == b"hello\n"


@pytest.mark.parametrize(
    "data", [LARGE_PACKAGE + b"more", LARGE_PACKAGE.replace(b"hello", b"HELLO")], ids=["size", "content"]
)
def test_an_archive_that_changed_is_refused(large: None, tmp_path: Path, data: bytes) -> None:
    content = opened(tmp_path, LARGE_PACKAGE)
    (tmp_path / "bad.zip").write_bytes(data)
    os.utime(tmp_path / "bad.zip", ns=(0, 0))
    with pytest.raises(InputError) as caught:
        read(content, "large")
    assert caught.value.message == CHANGED


@pytest.mark.parametrize("mended", [False, True], ids=["crc-kept", "crc-mended"])
def test_bytes_that_changed_behind_the_same_stamp_are_refused(tmp_path: Path, mended: bool) -> None:
    content, path = opened(tmp_path, LARGE_PACKAGE), tmp_path / "bad.zip"
    before = path.stat().st_mtime_ns
    other = replace(LARGE, data=b"HELLO\n" * 20_000)
    path.write_bytes(build([other]) if mended else LARGE_PACKAGE.replace(b"hello", b"HELLO"))
    os.utime(path, ns=(before, before))
    with pytest.raises(InputError, match="does not fit its CRC: it is damaged"):
        read(content, "large")


def test_a_stamp_stays_while_the_archive_does(tmp_path: Path) -> None:
    opened(tmp_path, PACKAGE)
    stamp = archive_stamp(tmp_path / "bad.zip")
    assert archive_stamp(tmp_path / "bad.zip") == stamp
    (tmp_path / "bad.zip").write_bytes(PACKAGE + b"!")
    assert archive_stamp(tmp_path / "bad.zip") not in ("", stamp)
    assert archive_stamp(tmp_path / "none") == ""
