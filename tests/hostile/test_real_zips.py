"""Archives as real programs write them are read, whatever their habits."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.desired import Limits
from reconciler.packages.content import executables_of, read
from reconciler.packages.zip.archive import ArchiveContent, open_archive
from tests.hostile.archives import opened
from tests.hostile.zip_builder import Entry, build, build64, extra, streamed

FILES = {"manifest.yaml": b"name: x\n", "sub/large.txt": b"one line of many\n" * 9000, "sub/\u00fc": b"", "run": b"#!"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "run").chmod(0o755)
    return root


def tool(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def run(*command: str, folder: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def check(content: ArchiveContent, *, executable: bool = True) -> None:
    assert {entry.path: read(content, entry.path) for entry in content.files} == FILES
    assert executables_of(content) == (frozenset(["run"]) if executable else frozenset())


def check_file(path: Path) -> None:
    check(open_archive(path, limits=Limits(), name=path.name))


@pytest.mark.parametrize("options", [(), ("-0",), ("-9",), ("-X",), ("-D",), ("-fz",)], ids=" ".join)
def test_zip(source: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    run(tool("zip"), "-q", "-r", *options, str(tmp_path / "x.zip"), ".", folder=source)
    check_file(tmp_path / "x.zip")


def test_zip_with_a_comment_and_a_folder_around(source: Path, tmp_path: Path) -> None:
    run(tool("zip"), "-q", "-r", "x.zip", "source", folder=tmp_path)
    subprocess.run([tool("zip"), "-q", "-z", "x.zip"], input=b"a comment\n", cwd=tmp_path, check=True)
    check_file(tmp_path / "x.zip")


def test_zip_into_a_pipe(source: Path, tmp_path: Path) -> None:
    done = subprocess.run([tool("zip"), "-q", "-r", "-", "."], cwd=source, check=True, capture_output=True)
    check(opened(tmp_path, done.stdout))


@pytest.mark.parametrize("options", [(), ("--prefix=x-1.0/",), ("-0",)], ids=["plain", "prefix", "stored"])
@pytest.mark.parametrize(
    "threshold", ["core.bigFileThreshold=512m", "core.bigFileThreshold=1k"], ids=["whole", "streamed"]
)
def test_git_archive(source: Path, tmp_path: Path, options: tuple[str, ...], threshold: str) -> None:
    git = (tool("git"), "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", threshold)
    run(*git, "init", "-q", folder=source)
    run(*git, "add", "-A", folder=source)
    run(*git, "commit", "-q", "-m", "x", folder=source)
    run(*git, "archive", "--format=zip", *options, "-o", str(tmp_path / "x.zip"), "HEAD", folder=source)
    check_file(tmp_path / "x.zip")


def test_python_command_line(source: Path, tmp_path: Path) -> None:
    run(
        sys.executable,
        "-m",
        "zipfile",
        "-c",
        str(tmp_path / "x.zip"),
        *(file.name for file in source.iterdir()),
        folder=source,
    )
    check_file(tmp_path / "x.zip")


def test_python_make_archive(source: Path, tmp_path: Path) -> None:
    check_file(Path(shutil.make_archive(str(tmp_path / "x"), "zip", source)))


class Pipe(io.RawIOBase):
    """A sink that cannot seek."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(data)  # type: ignore[call-overload]
        self.data += taken
        return len(taken)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("zip64", [False, True], ids=["32", "64"])
@pytest.mark.parametrize("sink", [io.BytesIO, Pipe], ids=["file", "pipe"])
def test_python_zipfile(tmp_path: Path, method: int, zip64: bool, sink: Callable[[], io.BytesIO | Pipe]) -> None:
    out = sink()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.comment = b"\xff any bytes"
        archive.writestr("sub/", b"")
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(data)
    check(opened(tmp_path, out.getvalue() if isinstance(out, io.BytesIO) else bytes(out.data)), executable=False)


@pytest.mark.parametrize("options", [("-fd",), ("-fd", "-0")], ids=" ".join)
def test_zip_with_descriptors(source: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    run(tool("zip"), "-q", "-r", *options, str(tmp_path / "x.zip"), ".", folder=source)
    check_file(tmp_path / "x.zip")


@pytest.mark.parametrize("store", [(), ("--options", "zip:compression=store")], ids=["deflated", "stored"])
def test_bsdtar(source: Path, tmp_path: Path, store: tuple[str, ...]) -> None:
    bsdtar = (tool("bsdtar"), "--format", "zip", *store)
    run(*bsdtar, "-cf", str(tmp_path / "x.zip"), *(file.name for file in source.iterdir()), folder=source)
    check_file(tmp_path / "x.zip")


@pytest.mark.parametrize("store", [(), ("--options", "zip:compression=store")], ids=["deflated", "stored"])
def test_bsdtar_into_a_pipe(source: Path, tmp_path: Path, store: tuple[str, ...]) -> None:
    names = [file.name for file in source.iterdir()]
    command = [tool("bsdtar"), "--format", "zip", *store, "-cf", "-", *names]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    check(
        opened(tmp_path, subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True).stdout)
    )


@pytest.mark.parametrize("options", [(), ("-mx=0",), ("-mx=9", "-mcu=on"), ("-mtc=on", "-mta=on")], ids=" ".join)
def test_7zip(source: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    run(tool("7zz"), "a", "-tzip", *options, str(tmp_path / "x.zip"), ".", folder=source)
    check_file(tmp_path / "x.zip")


PIPED = """
import pathlib, sys, zipfile
with zipfile.ZipFile(sys.stdout.buffer, "w", zipfile.ZIP_DEFLATED) as archive:
    for path in sorted(pathlib.Path().rglob("*")):
        archive.write(path)
"""


def test_python_zipfile_into_a_pipe(source: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PIPED], cwd=source, check=True, capture_output=True)
    check(opened(tmp_path, done.stdout))


# What programs write that cannot run here, rebuilt from what is known of them.
UNIX_TIMES = extra(0x5855, bytes(8))
UNIX_TIMES_AND_OWNER = extra(0x5855, bytes(12))
WINDOWS = Entry(data=b"1", deflate=True, system=0, mode=0)
EMPTY = replace(WINDOWS, data=b"", deflate=False)
ARCHIVED, FOLDER = {"external": 0x20}, {"external": 0x10}


def finder(name: str, data: bytes) -> Entry:
    """Names decomposed and without the flag for UTF-8, sizes behind the data, times and owner as extra fields."""
    entry = replace(streamed(data, deflate=True), name=name)
    return replace(entry, extra=UNIX_TIMES, local_extra=UNIX_TIMES_AND_OWNER)


def finder_folder(name: str) -> Entry:
    return Entry(name=name, data=b"", mode=0o40755, extra=UNIX_TIMES, local_extra=UNIX_TIMES_AND_OWNER)


HABITS = {
    "finder": build(
        [
            finder_folder("pkg/"),
            finder("pkg/manifest.yaml", b"1"),
            finder("pkg/.DS_Store", b"\0\0\0\1Bud1"),
            finder("pkg/cafe\u0301.txt", b"2"),
            finder_folder("__MACOSX/"),
            finder_folder("__MACOSX/pkg/"),
            finder("__MACOSX/pkg/._manifest.yaml", b"\0\5\x16\7"),
        ]
    ),
    "finder-one-file": build(
        [
            finder("manifest.yaml", b"1"),
            replace(finder("__MACOSX/._manifest.yaml", b"\0\5\x16\7"), extra=extra(0x7875, b"\1\4" + bytes(10))),
        ]
    ),
    "explorer": build(
        [
            replace(WINDOWS, name="pkg/manifest.yaml", central=ARCHIVED),
            replace(EMPTY, name="pkg/empty/", central=FOLDER),
            replace(WINDOWS, name="pkg/sub/a.txt", central=ARCHIVED),
        ]
    ),
    "explorer-beyond-ascii": build(
        [
            replace(WINDOWS, central=ARCHIVED),
            replace(WINDOWS, name="caf\u00e9.txt", flags=0x800, central=ARCHIVED),
        ]
    ),
    "powershell": build(
        [WINDOWS, replace(EMPTY, name="sub/"), replace(WINDOWS, name="sub/caf\u00e9", flags=0x800)],
    ),
    "java": build(
        [
            replace(streamed(b"", deflate=True), name="META-INF/", flags=0x808, mode=0, local_extra=extra(0xCAFE, b"")),
            replace(streamed(b"1", deflate=True), flags=0x808, mode=0, system=0),
        ]
    ),
    "go": build([replace(streamed(b"1", deflate=True), flags=0x808, mode=0)]),
    "bsdtar-into-a-pipe": build([Entry(data=b"1")]).ljust(10_240, b"\0"),
    "github": build(
        [
            Entry(name="pkg-1.0/", data=b"", mode=0o40755, extra=extra(0x5455, b"\1abcd")),
            Entry(name="pkg-1.0/manifest.yaml", data=b"1", deflate=True, mode=0, extra=extra(0x5455, b"\1abcd")),
        ],
        comment=b"0123456789012345678901234567890123456789",
    ),
    "ntfs-times": build([Entry(data=b"1", extra=extra(0x000A, bytes(32)), local_extra=b"")]),
    "version-with-system": build([Entry(data=b"1", local={"needed": 0x0314}, central={"needed": 0x0314})]),
    "descriptor-unsigned": build([streamed(b"1", signature=b"")]),
    "descriptor-64": build([streamed(b"1", sizes="QQ"), Entry(name="b")]),
    "descriptor-64-unsigned": build([streamed(b"1", sizes="QQ", signature=b""), Entry(name="b")]),
    "zip64-end-record-not-needed": build64([Entry(data=b"1")]),
    "zip64-end-record-needed": build64([Entry(data=b"1")], end={"start": 0xFFFF_FFFF, "count": 0xFFFF, "here": 0xFFFF}),
}


@pytest.mark.parametrize("data", HABITS.values(), ids=HABITS)
def test_habits_of_other_programs(tmp_path: Path, data: bytes) -> None:
    assert read(opened(tmp_path, data), "manifest.yaml") == b"1"
