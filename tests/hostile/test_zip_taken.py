"""Archives as ordinary programs write them, which look strange and say one thing only. Rows 150 to 154."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hostile.archives import message_for, opened
from tests.hostile.zip_builder import Entry, build, extra, streamed

GOOD = Entry()
NAMED = Entry(name="é.yaml")
LATE = streamed(b"late\n")


def unicode_path(name: str, *, of: str, version: int = 1) -> bytes:
    """The field that gives an entry called ``of`` the name ``name``."""
    return extra(0x7075, struct.pack("<BI", version, zlib.crc32(of.encode())) + name.encode())


def folder(name: str) -> Entry:
    return Entry(name=name, data=b"", mode=0o040755)


TAKEN = {
    "row-150-same-name": ([replace(NAMED, extra=unicode_path("é.yaml", of="é.yaml"))], ["é.yaml"]),
    "row-150-in-one-header": ([replace(NAMED, local_extra=unicode_path("é.yaml", of="é.yaml"))], ["é.yaml"]),
    "row-151-dot": ([folder("./"), Entry(name="./a/b"), Entry(name="./c")], ["a/b", "c"]),
    "row-151-dot-in-one-folder": ([folder("./p/"), Entry(name="./p/a")], ["a"]),
    "row-152-root": ([folder("/"), GOOD], ["manifest.yaml"]),
    "row-153-git-file": ([Entry(name=".git", data=b"gitdir: /x\n"), GOOD], ["manifest.yaml"]),
    "row-153-git-file-inside": ([Entry(name="a/.git"), Entry(name="a/b"), GOOD], ["a/b", "manifest.yaml"]),
    "row-153-git-file-behind-a-dot": ([Entry(name="./.git"), Entry(name="./b")], ["b"]),
    "row-27-git-folder": ([folder(".git/"), Entry(name=".git/aux:1"), Entry(name="a/.GIT/x"), GOOD], [GOOD.name]),
    "row-27-git-folder-inside": ([Entry(name="p/.Git/x"), Entry(name="p/b")], ["b"]),
    "row-154-late-in-the-local-header-only": ([replace(LATE, central={"flags": LATE.flags & ~8})], [str(LATE.name)]),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "paths"), TAKEN.values(), ids=TAKEN)
def test_is_taken(tmp_path: Path, entries: list[Entry], paths: list[str]) -> None:
    content = opened(tmp_path, build(entries))
    assert [entry.path for entry in content.files] == paths
    for entry in content.files:
        b"".join(content.chunks(entry.path))
    said = ["left out '.git', which is git's own and no part of a package"]
    assert list(content.notes) == (said if any(".git" in str(entry.name).lower() for entry in entries) else [])


REFUSED = {
    "row-46-other-name": [replace(NAMED, extra=unicode_path("e.yaml", of="é.yaml"))],
    "row-46-of-another-name": [replace(NAMED, extra=unicode_path("é.yaml", of="e.yaml"))],
    "row-46-other-version": [replace(NAMED, extra=unicode_path("é.yaml", of="é.yaml", version=2))],
    "row-11-with-and-without-dot": [Entry(name="./a"), Entry(name="a")],
    "row-22-two-dots": [Entry(name="././a")],
    "row-01-parent-behind-a-dot": [Entry(name="./../evil")],
    "row-03-absolute-behind-a-dot": [Entry(name=".//etc/x")],
    "row-11-two-roots": [folder("./"), folder("/"), GOOD],
    "row-12-case-behind-a-dot": [Entry(name="./A"), Entry(name="a")],
    "row-23-root-with-content": [Entry(name="./", mode=0o040755), GOOD],
    "row-38-late-in-the-directory-only": [replace(LATE, local={"flags": LATE.flags & ~8})],
    "row-37-late-without-descriptor": [replace(GOOD, local={"flags": 8})],
    "row-37-late-with-another-descriptor": [
        replace(LATE, central={"flags": LATE.flags & ~8}, descriptor=LATE.descriptor[:-4] + b"\1\0\0\0")
    ],
}


@pytest.mark.parametrize("entries", REFUSED.values(), ids=REFUSED)
def test_what_says_two_things_is_still_refused(tmp_path: Path, entries: list[Entry]) -> None:
    assert message_for(tmp_path, build(entries))
