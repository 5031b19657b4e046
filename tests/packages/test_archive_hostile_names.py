"""Archives whose names or file types were made to deceive. Row numbers are those of the catalogue of bad inputs."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.packages.content import read
from tests.packages.hostile import message_for, opened
from tests.packages.zip_builder import Entry, build, deflated

GOOD = Entry()
INVISIBLE = "the name holds a control or invisible character"
FORBIDDEN = 'the name holds a character that Windows forbids (one of <>:"|?*)'
LEAVES = "the path leaves the package ('..')"
BACKSLASH = "the name holds a backslash"
DEVICE = "the name is a device on Windows"
ENDING = "a name ends with a dot or a space"
PART = "the path has an empty or '.' part"
LONG = "one part of the path is longer than 255 bytes"
GIT = "the path lies in a .git folder"

NAMES = {
    "row-01-parent": ("../evil", LEAVES),
    "row-02-parent-inside": ("a/../b", LEAVES),
    "row-03-absolute": ("/etc/x", "the path is absolute"),
    "row-04-drive": ("C:\\x", BACKSLASH),
    "row-04-drive-slash": ("C:/x", "the path is absolute"),
    "row-04-drive-relative": ("C:x", "the path is absolute"),
    "row-05-unc": ("\\\\srv\\x", BACKSLASH),
    "row-06-backslash": ("a\\b", BACKSLASH),
    "row-15-nul": ("a\0.txt", INVISIBLE),
    "row-16-escape": ("a\x1b[2Jb", INVISIBLE),
    "row-16-newline": ("a\nb", INVISIBLE),
    "row-17-bidi": ("a\u202eb", INVISIBLE),
    "row-17-zero-width": ("a\u200bb", INVISIBLE),
    "row-18-device": ("CON", DEVICE),
    "row-18-device-with-suffix": ("a/aux.yaml", DEVICE),
    "row-19-trailing-dot": ("a./b", ENDING),
    "row-19-trailing-space": ("a ", ENDING),
    "row-20-stream": ("ab:stream", FORBIDDEN),
    "row-21-empty": ("", "the name is empty"),
    "row-22-dot": ("./a", PART),
    "row-22-double-slash": ("a//b", PART),
    "row-25-long-part": ("x" * 300, LONG),
    "row-26-deep": ("/".join("d" * 200), "the path is deeper than 16 folders"),
    "row-27-git": (".git/config", GIT),
    "row-27-git-inside": ("a/.GIT/hooks/x", GIT),
    "row-27-git-file": ("a/.Git", GIT),
}


@pytest.mark.parametrize(("name", "rule"), NAMES.values(), ids=NAMES)
def test_a_bad_name_is_refused(tmp_path: Path, name: str, rule: str) -> None:
    shown = repr(name if len(name) <= 120 else name[:120] + "…")
    assert message_for(tmp_path, build([GOOD, Entry(name=name)])) == f"entry {shown}: {rule}; rename it"


def test_row_01_in_a_folder_that_is_ignored(tmp_path: Path) -> None:
    name = "__MACOSX/../../evil"
    assert message_for(tmp_path, build([GOOD, Entry(name=name)])) == f"entry '{name}': {LEAVES}; rename it"


def test_row_52_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    message = message_for(tmp_path, build([GOOD, Entry(name=b"caf\xe9")]))
    assert message == r"entry 'caf\\xe9': the name is not UTF-8; rename it"


SAME = "where case or Unicode form do not count; rename one of the two"
TWICE = "is a file and a folder at once; rename one of the two"
COLLISIONS = {
    "row-11-duplicate": (["a", "a"], "entry 'a': is there twice; keep one of the two"),
    "row-11-duplicate-folder": (["a/", "a/"], "entry 'a/': is there twice; keep one of the two"),
    "row-12-case": (["Read.me", "read.ME"], f"entry 'read.ME': is the same as 'Read.me' {SAME}"),
    "row-12-case-of-a-folder": (["Docs/a", "docs/b"], f"entry 'docs/': is the same as 'Docs/' {SAME}"),
    "row-12-case-beyond-ascii": (["STRASSE", "straße"], f"entry 'straße': is the same as 'STRASSE' {SAME}"),
    "row-13-unicode-form": (["caf\u00e9", "cafe\u0301"], f"entry 'cafe\u0301': is the same as 'caf\u00e9' {SAME}"),
    "row-14-file-then-folder": (["a", "a/b"], f"entry 'a/': {TWICE}"),
    "row-14-folder-then-file": (["a/b/c", "a/b"], f"entry 'a/b': {TWICE}"),
    "row-14-listed-folder": (["a/", "a"], f"entry 'a': {TWICE}"),
}


@pytest.mark.parametrize(("names", "message"), COLLISIONS.values(), ids=COLLISIONS)
def test_names_that_collide_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    entries = [Entry(name=name, mode=0o040755, data=b"") if name.endswith("/") else Entry(name=name) for name in names]
    assert message_for(tmp_path, build([GOOD, *entries])) == message


LINK = Entry(name="a", data=b"/etc", mode=stat.S_IFLNK | 0o777)
PLAIN = "pack a plain file instead"
BOTH = "is a folder by its name or by its mode, but not by both; pack the archive again"
TYPES = {
    "row-07-symlink": ([LINK], f"entry 'a': is a symbolic link; {PLAIN}"),
    "row-07-symlink-made-on-windows": (
        [Entry(name="a", mode=LINK.mode, system=0)],
        f"entry 'a': is a symbolic link; {PLAIN}",
    ),
    "row-08-write-through-symlink": ([LINK, Entry(name="a/passwd")], f"entry 'a': is a symbolic link; {PLAIN}"),
    "row-09-fifo": ([Entry(name="a", mode=stat.S_IFIFO | 0o644)], f"entry 'a': is a pipe; {PLAIN}"),
    "row-09-device": ([Entry(name="a", mode=stat.S_IFBLK | 0o644)], f"entry 'a': is a device; {PLAIN}"),
    "row-09-socket": ([Entry(name="a", mode=stat.S_IFSOCK | 0o644)], f"entry 'a': is a socket; {PLAIN}"),
    "row-09-unknown": ([Entry(name="a", mode=0o170000)], f"entry 'a': is no regular file; {PLAIN}"),
    "row-23-folder-with-payload": (
        [Entry(name="d/", mode=0o040755)],
        "entry 'd/': is a folder with content; pack the archive again",
    ),
    "row-23-folder-with-hidden-payload": (
        [Entry(name="d/", mode=0o040755, data=b"", packed=b"evil")],
        "entry 'd/': unpacks to 4 bytes, not to the declared 0; pack the archive again",
    ),
    "row-24-folder-name-file-mode": ([Entry(name="d/", data=b"")], f"entry 'd/': {BOTH}"),
    "row-24-file-name-folder-mode": ([Entry(name="d", mode=0o040755)], f"entry 'd': {BOTH}"),
    "row-24-file-name-folder-mode-dos": (
        [Entry(name="d", mode=0, system=0, central={"external": 0x10})],
        f"entry 'd': {BOTH}",
    ),
}


@pytest.mark.parametrize(("entries", "message"), TYPES.values(), ids=TYPES)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, entries: list[Entry], message: str) -> None:
    assert message_for(tmp_path, build([GOOD, *entries])) == message


@pytest.mark.parametrize(("system", "executable"), [(3, True), (19, True), (0, False)], ids=["unix", "darwin", "dos"])
def test_row_10_only_the_executable_bit_of_a_mode_is_taken(tmp_path: Path, system: int, executable: bool) -> None:
    content = opened(tmp_path, build([GOOD, Entry(name="run", mode=0o106755, system=system)]))
    assert [entry.executable for entry in content.files] == [False, executable]
    assert content.executables == (frozenset(["run"]) if executable else frozenset())


def test_row_31_a_nested_archive_is_an_opaque_file(tmp_path: Path) -> None:
    inner = build([GOOD])
    content = opened(tmp_path, build([GOOD, Entry(name="inner.zip", data=inner)]))
    assert read(content, "inner.zip") == inner


def test_row_54_what_desktops_leave_behind_is_ignored_and_said(tmp_path: Path) -> None:
    left = ["__MACOSX/._manifest.yaml", "__MACOSX/._b", ".DS_Store", "docs/.DS_Store"]
    content = opened(tmp_path, build([GOOD, *(Entry(name=name) for name in left)]))
    assert [entry.path for entry in content.files] == ["manifest.yaml"]
    assert content.notes == ("__MACOSX/ is ignored", ".DS_Store is ignored")


def test_a_folder_entry_with_an_empty_deflate_stream_is_fine(tmp_path: Path) -> None:
    folder = Entry(name="d/", mode=0o040755, data=b"", deflate=True, packed=deflated(b""))
    assert [entry.path for entry in opened(tmp_path, build([folder, GOOD])).files] == ["manifest.yaml"]
