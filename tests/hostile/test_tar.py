"""Tar archives by the policy for zips: what is refused and why, and what ordinary programs write. Rows as for zips."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.packages.content import read
from reconciler.packages.tar.archive import TarContent, open_tar
from tests.hostile.bad_names import BAD_NAMES
from tests.hostile.tar_builder import END, Member, build, extended, long_name, records, zipped

GOOD = Member()
LIMITS = Limits()


def opened(folder: Path, data: bytes, limits: Limits = LIMITS, path: str = "") -> TarContent:
    place = folder / "bad.tar"
    place.write_bytes(data)
    return open_tar(place, limits=limits, name="bad.tar", path=path)


def message_for(folder: Path, data: bytes, limits: Limits = LIMITS, path: str = "") -> str:
    with pytest.raises(InputError) as caught:
        opened(folder, data, limits, path)
    assert caught.value.message.isprintable()
    return caught.value.message.removeprefix("bad.tar: ")


def paths(content: TarContent) -> list[str]:
    for entry in content.files:
        assert len(read(content, entry.path)) == entry.size
    return [entry.path for entry in content.files]


BAD = {row: pair for row, pair in BAD_NAMES.items() if row != "row-21-empty"}
SPARSE = [("GNU.sparse.major", "1"), ("GNU.sparse.name", "x")]
REFUSED = {
    "row-07-symlink": (build(GOOD, Member(name="l", kind=b"2", data=b"", link=b"/etc/passwd")), "is a symbolic link"),
    "row-07-hard-link": (build(GOOD, Member(name="l", kind=b"1", data=b"", link=b"/etc/x")), "is a hard link"),
    "row-08-through-a-link": (
        build(Member(name="d", kind=b"2", data=b"", link=b"/tmp"), Member(name="d/x")),
        "is a symbolic link",
    ),
    "row-09-pipe": (build(Member(name="p", kind=b"6", data=b"")), "is a pipe"),
    "row-09-device": (build(Member(name="p", kind=b"3", data=b"")), "is a device"),
    "row-09-block-device": (build(Member(name="p", kind=b"4", data=b"")), "is a device"),
    "row-07-link-with-data": (build(Member(kind=b"2", data=b"x")), "has data, which links"),
    "contiguous": (build(Member(kind=b"7")), "is neither a file nor a folder"),
    "gnu-sparse": (build(Member(kind=b"S", magic=b"ustar  \0")), "is neither a file nor a folder"),
    "gnu-multi-volume": (build(Member(kind=b"M")), "is neither a file nor a folder"),
    "gnu-volume-label": (build(Member(kind=b"V", data=b"")), "is neither a file nor a folder"),
    "gnu-dumpdir": (build(Member(kind=b"D", name="d/")), "is neither a file nor a folder"),
    "pax-sparse": (build(Member(pax=SPARSE)), "is a sparse file"),
    "row-11-duplicate": (build(GOOD, GOOD), "is there twice"),
    "row-11-duplicate-behind-a-dot": (build(GOOD, Member(name="./manifest.yaml")), "is there twice"),
    "row-11-duplicate-by-pax": (build(GOOD, Member(name="b", pax=[("path", "manifest.yaml")])), "is there twice"),
    "row-11-two-roots": (build(Member(name="./", kind=b"5", data=b""), Member(name="/", kind=b"5", data=b"")), "twice"),
    "row-12-case": (build(Member(name="A"), Member(name="a")), "is the same as 'A' where case"),
    "row-13-unicode-form": (build(Member(name="e\u0301"), Member(name="\u00e9")), "where case or Unicode form"),
    "row-14-file-and-folder": (build(Member(name="a"), Member(name="a/b")), "is a file and a folder at once"),
    "row-15-data-behind-a-name": (build(Member(name=b"a\0b")), "data behind the end of a name"),
    "row-15-nul-by-pax": (build(Member(pax=[("path", "a\0b")])), "control or invisible character"),
    "row-23-folder-with-content": (build(Member(name="d/", kind=b"5")), "is a folder with content"),
    "row-24-folder-by-name": (build(Member(name="d/")), "is a folder by its name, but not by its type"),
    "row-35-size-too-large": (build(Member(size=5000), end=b""), "is cut short"),
    "row-35-negative-size": (build(Member(size=b"\xff" * 12)), "malformed number"),
    "row-35-size-in-letters": (build(Member(size=b"0000000000x\0")), "malformed number"),
    "row-34-huge-size": (build(Member(size=b"\x80" + b"\xff" * 11)), "is cut short"),
    "row-36-bad-checksum": (build(Member(checksum=1)), "does not fit its checksum"),
    "row-38-two-sizes": (build(Member(pax=[("size", "0")])), "has two sizes"),
    "row-38-size-twice": (build(Member(pax=[("size", "8"), ("size", "8")])), "says one thing twice"),
    "row-38-malformed-size": (build(Member(pax=[("size", "-8")])), "is malformed"),
    "row-46-two-names": (build(long_name(b"a"), Member(pax=[("path", "b")])), "two headers that name one entry"),
    "row-46-two-long-names": (build(long_name(b"a"), long_name(b"b"), GOOD), "two headers that name one entry"),
    "row-46-name-for-all": (build(extended([("path", "x")], b"g"), GOOD), "names all its entries alike"),
    "row-46-size-for-all": (build(extended([("size", "8")], b"g"), GOOD), "names all its entries alike"),
    "row-38-two-extended-headers": (build(extended([("size", "1")]), Member(pax=[("size", "8")])), "two extended"),
    "row-35-nul-before-a-size": (build(Member(size=b"\0" + b"0000008" + bytes(4))), "malformed number"),
    "row-36-malformed-owner": (build(GOOD, Member(name="a", owner=b"z")), "malformed number"),
    "row-36-malformed-time": (build(GOOD, Member(name="a", time=b"z")), "malformed number"),
    "row-46-prefix-in-gnu-form": (build(Member(magic=b"ustar  \0", prefix=b"a")), "with another name"),
    "row-46-prefix-in-old-form": (build(Member(magic=b"", prefix=b"a")), "with another name"),
    "row-21-no-name": (build(GOOD, Member(name="")), "the name is empty"),
    "row-24-link-as-a-folder": (build(Member(name="d/", kind=b"2", data=b""), GOOD), "but not by its type"),
    "row-27-through-git-link": (
        build(GOOD, Member(name=".git", kind=b"2", data=b"", link=b"."), Member(name=".git/manifest.yaml")),
        "is not a folder, but other entries are in it",
    ),
    "row-27-through-git-hard-link": (
        build(GOOD, Member(name=".git/x", kind=b"1", data=b"", link=b"manifest.yaml"), Member(name=".git/x")),
        "is there twice",
    ),
    "row-47-malformed-record": (build(Member(kind=b"x", data=b"99 path=a\n"), GOOD), "is malformed"),
    "row-47-record-without-a-line-feed": (build(Member(kind=b"x", data=b"9 path=abc"), GOOD), "is malformed"),
    "row-47-record-without-a-value": (build(Member(kind=b"x", data=b"7 path\n"), GOOD), "or nothing"),
    "row-47-unknown-key": (build(Member(pax=[("realtime", "1")])), "unknown key"),
    "row-47-unknown-charset": (build(Member(pax=[("hdrcharset", "latin-1")])), "is malformed"),
    "row-47-huge-header": (build(Member(kind=b"x", data=bytes(1 << 21)), GOOD), "bytes for one entry"),
    "unknown-form": (build(Member(magic=b"other")), "unknown form"),
    "row-41-data-behind-the-end": (build(GOOD, end=END + b"x" * 512), "has data behind its end"),
    "row-42-two-archives": (build(GOOD) + build(Member(name="evil")), "has data behind its end"),
    "row-41-endless-zeros": (build(GOOD, end=END + bytes(2 << 20)), "has data behind its end"),
    "row-51-cut-short": (build(Member(data=b"x" * 1000))[:1200], "is cut short"),
    "row-51-no-end": (build(GOOD, end=b""), "is cut short"),
    "row-51-half-an-end": (build(GOOD, end=bytes(512)), "is cut short"),
    "row-51-one-block-of-zeros": (build(GOOD, end=bytes(512) + GOOD.written()), "one block of zeros"),
    "row-51-header-without-entry": (build(GOOD, long_name(b"a")), "belongs to an entry"),
    "row-51-empty": (b"", "is cut short"),
    "row-51-end-only": (END, "holds no files"),
    "row-52-not-utf-8": (build(Member(name=b"caf\xe9")), "the name is not UTF-8"),
    "row-52-not-utf-8-by-gnu": (build(long_name(b"caf\xe9"), GOOD), "the name is not UTF-8"),
    "row-53-data-behind-gzip": (zipped(build(GOOD)) + b"x", "data behind the end of its gzip stream"),
    "row-42-two-gzip-streams": (zipped(build(GOOD)) + zipped(b""), "data behind the end of its gzip stream"),
    "row-51-gzip-cut-short": (zipped(build(GOOD))[:-9], "its gzip data is cut short"),
    "row-36-gzip-damaged": (zipped(build(GOOD))[:-8] + bytes(8), "its gzip data is broken"),
    "gzip-in-gzip": (zipped(zipped(build(GOOD))), "is cut short"),
    "zip": (b"PK\3\4" + bytes(600), "is a zip archive; write {zip: …}"),
    "bzip2": (bz2.compress(build(GOOD)), "is compressed by bzip2"),
    "xz": (lzma.compress(build(GOOD)), "is compressed by xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "is compressed by zstd"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED)
def test_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    assert words in message_for(tmp_path, data)


@pytest.mark.parametrize(("data", "words"), [row for row in REFUSED.values() if b"ustar" in row[0]])
def test_is_refused_in_gzip_alike(tmp_path: Path, data: bytes, words: str) -> None:
    said = message_for(tmp_path, zipped(data))
    assert words in said or "is cut short" in said or "unpacks to more than" in said


@pytest.mark.parametrize(("name", "rule"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("how", ["pax", "gnu"])
def test_bad_names_of_zips_are_refused_alike(tmp_path: Path, name: str, rule: str, how: str) -> None:
    entry = Member(pax=[("path", name)]) if how == "pax" else long_name(name.encode()) + GOOD.written()
    said = message_for(tmp_path, build(Member(name="good"), entry))
    assert f": {rule}; rename it" in said or "data behind the end of a name" in said


def folder(name: str) -> Member:
    return Member(name=name, kind=b"5", data=b"", mode=0o755)


LONG = "/".join(["d" * 60] * 4) + "/x"
TAKEN = {
    "plain": (build(GOOD), ["manifest.yaml"]),
    "old-form": (build(replace(GOOD, kind=b"\0", magic=b"")), ["manifest.yaml"]),
    "gnu-form": (build(replace(GOOD, magic=b"ustar  \0")), ["manifest.yaml"]),
    "prefix": (build(Member(name="b", prefix=b"a"), GOOD), ["a/b", "manifest.yaml"]),
    "pax-name": (build(Member(name="x", pax=[("path", LONG)]), GOOD), [LONG, "manifest.yaml"]),
    "gnu-name": (build(long_name(LONG.encode()), GOOD, Member(name="b")), ["b", LONG]),
    "pax-of-others": (build(Member(pax=[("mtime", "1.5"), ("SCHILY.xattr.user.x", "1\n2")])), ["manifest.yaml"]),
    "before-1970": (build(replace(GOOD, time=b"\xff" * 12)), ["manifest.yaml"]),
    "pax-same-size": (build(Member(pax=[("size", "8")])), ["manifest.yaml"]),
    "git-archive": (build(extended([("comment", "0" * 40)], b"g"), folder("p/"), Member(name="p/a")), ["a"]),
    "row-151-dot": (build(folder("./"), Member(name="./a/b"), Member(name="./c")), ["a/b", "c"]),
    "row-151-only-a-dot": (build(folder("."), Member(name="./a/b"), Member(name="./c")), ["a/b", "c"]),
    "row-152-root": (build(folder("/"), GOOD), ["manifest.yaml"]),
    "row-27-git": (build(folder(".git/"), Member(name=".GIT/hooks/x"), Member(name="a/.git"), GOOD), ["manifest.yaml"]),
    "row-54-desktops": (build(Member(name="._manifest.yaml"), Member(name=".DS_Store"), GOOD), ["manifest.yaml"]),
    "row-10-setuid": (build(replace(GOOD, mode=0o4755)), ["manifest.yaml"]),
    "padding": (build(GOOD, end=bytes(10240)), ["manifest.yaml"]),
    "empty-file": (build(GOOD, Member(name="e", data=b"")), ["e", "manifest.yaml"]),
    "base-256-size": (build(replace(GOOD, size=b"\x80" + bytes(10) + b"\x08")), ["manifest.yaml"]),
}  # fmt: skip


@pytest.mark.parametrize("form", [bytes, zipped], ids=["plain", "gzip"])
@pytest.mark.parametrize(("data", "names"), TAKEN.values(), ids=TAKEN)
def test_is_taken(tmp_path: Path, data: bytes, names: list[str], form: type[bytes]) -> None:
    assert paths(opened(tmp_path, form(data))) == names


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    content = opened(tmp_path, build(Member(name=".Git/x"), Member(name=".DS_Store"), GOOD))
    assert list(content.notes) == [
        "left out 1 name of editors and systems: '.DS_Store'",
        "left out '.git', which is git's own and no part of a package",
    ]


def test_only_who_may_run_a_file_is_kept_of_its_mode(tmp_path: Path) -> None:
    data = build(Member(name="a", mode=0o6711), Member(name="b", mode=0o600))
    assert [(entry.executable, entry.private) for entry in opened(tmp_path, data).files] == [
        (True, False),
        (False,) * 2,
    ]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_python_writes(tmp_path: Path, form: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form) as archive:
        for name in ("p/manifest.yaml", "p/" + "d" * 90 + "/läs mig"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    assert paths(opened(tmp_path, out.getvalue())) == ["d" * 90 + "/läs mig", "manifest.yaml"]


@pytest.mark.parametrize("flags", [(), ("--format=ustar",), ("--format=pax",), ("--format=v7",), ("-z",)])
@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_what_tar_writes(tmp_path: Path, program: str, flags: tuple[str, ...]) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    source = tmp_path / "p"
    (source / "bin").mkdir(parents=True)
    (source / "manifest.yaml").write_text("name: x\n")
    (source / "bin" / "run").write_text("#!/bin/sh\n")
    (source / "bin" / "run").chmod(0o755)
    for inside in (".", "p"):
        at = source if inside == "." else tmp_path
        subprocess.run([program, *flags, "-cf", tmp_path / "out.tar", "-C", at, inside], check=True)
        content = open_tar(tmp_path / "out.tar", limits=LIMITS, name="out.tar")
        assert [(one.path, one.executable) for one in content.files] == [("bin/run", True), ("manifest.yaml", False)]


def test_row_30_a_bomb_is_refused_by_its_ratio_before_it_is_unpacked(tmp_path: Path) -> None:
    data = gzip.compress(build(Member(data=bytes(60 << 20), name="bomb")))
    tracemalloc.start()
    assert "unpacks to more than 200 times its" in message_for(tmp_path, data)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (changed(LIMITS, archive=1000), "at most 1000 are read"),
        (changed(LIMITS, file=2000), "a file has at most 2000"),
        (changed(LIMITS, unpacked=4000), "at most 4000 are"),
        (changed(LIMITS, unpacked=100, entries=2), "unpacks to more than"),
        (changed(LIMITS, entries=2), "has more than 2 entries"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, words: str) -> None:
    noise = os.urandom(3000)
    data = build(*(Member(name=f"f{index}", data=noise) for index in range(3)))
    said = message_for(tmp_path, data if limits.archive == 1000 else zipped(data), limits)
    assert words in said


def test_headers_that_only_say_something_are_counted_too(tmp_path: Path) -> None:
    data = build(*[long_name(b"a", kind=b"K")] * 10, GOOD)
    assert "has more than 2 entries" in message_for(tmp_path, zipped(data), changed(LIMITS, entries=2))


def test_a_large_file_of_a_gzip_archive_is_read_in_any_order(tmp_path: Path) -> None:
    files = {f"f{index}": os.urandom(700_000 + index) for index in range(9)}
    content = opened(tmp_path, zipped(build(*(Member(name=name, data=data) for name, data in files.items()))))
    for name in sorted(files, reverse=True):
        assert read(content, name) == files[name]


def test_an_archive_that_changed_is_noticed(tmp_path: Path) -> None:
    noise = os.urandom(40_000)
    content = opened(tmp_path, zipped(build(Member(data=noise))))
    (tmp_path / "bad.tar").write_bytes(zipped(build(Member(data=noise[::-1]))))
    with pytest.raises(InputError, match="changed since it was checked"):
        read(content, "manifest.yaml")


def test_any_flipped_bit_is_harmless_or_refused(tmp_path: Path) -> None:
    data = bytearray(build(folder("p/"), Member(name="p/a"), Member(name="p/b", pax=[("path", "p/c")])))
    whole = {"a": b"name: x\n", "c": b"name: x\n"}
    for at in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        try:
            content = opened(tmp_path, bytes(flipped))
        except InputError:
            continue
        for entry in content.files:
            assert len(read(content, entry.path)) == len(whole["a"]), at


AROUND = [
    folder("repo-1.0/"),
    Member(name="repo-1.0/link", kind=b"2", data=b"", link=b"README"),
    Member(name="repo-1.0/aux.c"),
    Member(name="repo-1.0/extensions/foo/manifest.yaml"),
    Member(name="repo-1.0/extensions/foo/a/b"),
    Member(name="repo-1.0/extensions/bar/manifest.yaml"),
]


@pytest.mark.parametrize("path", ["extensions/foo", "repo-1.0/extensions/foo"])
def test_a_folder_in_it(tmp_path: Path, path: str) -> None:
    assert paths(opened(tmp_path, zipped(build(*AROUND)), path=path)) == ["a/b", "manifest.yaml"]


WRITES_INTO = {
    "link-above": ([Member(name="repo-1.0/extensions/foo", kind=b"2", data=b"", link=b"bar")], "is not a folder"),
    "file-above": ([Member(name="repo-1.0/extensions", data=b"")], "is not a folder"),
    "through-a-link": ([Member(name="repo-1.0/link/x")], "is not a folder"),
    "twice": ([Member(name="repo-1.0/link")], "is there twice"),
    "file-and-folder": ([folder("repo-1.0/link/")], "is there twice"),
    "up": ([Member(name="repo-1.0/x/../extensions/foo/manifest.yaml")], "leaves the package"),
    "slashes": ([Member(name="repo-1.0//extensions/foo/manifest.yaml")], "an empty or '.' part"),
    "dot": ([Member(name="repo-1.0/./extensions/foo/manifest.yaml")], "an empty or '.' part"),
}


@pytest.mark.parametrize(("more", "words"), WRITES_INTO.values(), ids=WRITES_INTO)
def test_what_is_around_it_writes_nothing_into_it(tmp_path: Path, more: list[Member], words: str) -> None:
    assert words in message_for(tmp_path, build(*AROUND, *more), path="extensions/foo")
    assert words in message_for(tmp_path, build(*more, *AROUND), path="extensions/foo")


def test_a_folder_that_is_not_in_it(tmp_path: Path) -> None:
    said = message_for(tmp_path, build(*AROUND), path="extensions/fo")
    assert said == "entry 'extensions/fo': there is no such folder; packages are in extensions/bar, extensions/foo"


def test_records_of_the_builder_count_themselves() -> None:
    assert records([("path", "a" * 92)]).startswith(b"102 path=")
