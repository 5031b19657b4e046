"""Archives with one bad name, names that collide, or an entry that is no plain file, and what is said of each.

Row numbers are those of the catalogue of bad inputs.
"""

from __future__ import annotations

import stat

from tests.hostile.zip_builder import Entry, build

GOOD = Entry()
INVISIBLE = "the name holds a control or invisible character"
FORBIDDEN = 'the name holds a character that Windows forbids (one of <>:"|?*)'
LEAVES = "the path leaves the package ('..')"
BACKSLASH = "the name holds a backslash"
DEVICE = "the name is a device on Windows"
ENDING = "a name ends with a dot or a space"
PART = "the path has an empty or '.' part"
LONG = "one part of the path is longer than 255 bytes"

BAD_NAMES = {
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
    "row-22-dot": ("a/./b", PART),
    "row-153-git-file-below-a-bad-folder": ("../.git", LEAVES),
    "row-22-double-slash": ("a//b", PART),
    "row-25-long-part": ("x" * 300, LONG),
    "row-26-deep": ("/".join("d" * 200), "the path is deeper than 16 folders"),
    "row-27-git-below-a-bad-folder": ("C:/.GIT/x", "the path is absolute"),
    "row-27-git-and-out-of-it": (".git/../../evil", LEAVES),
    "row-01-in-a-folder-that-is-ignored": ("__MACOSX/../../evil", LEAVES),
}

SAME = "where case or Unicode form do not count; rename one of the two"
TWICE = "is a file and a folder at once; rename one of the two"
_COLLISIONS = {
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

LINK = Entry(name="a", data=b"/etc", mode=stat.S_IFLNK | 0o777)
PLAIN = "pack a plain file instead"
BOTH = "is a folder by its name or by its mode, but not by both; pack the archive again"
_TYPES = {
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


def _named(name: str) -> Entry:
    return Entry(name=name, mode=0o040755, data=b"") if name.endswith("/") else Entry(name=name)


def _message(name: str, rule: str) -> str:
    return f"entry {name if len(name) <= 120 else name[:120] + '…'!r}: {rule}; rename it"


NAMES = {
    "row-52-not-utf-8": (
        build([GOOD, Entry(name=b"caf\xe9")]),
        r"entry 'caf\\xe9': the name is not UTF-8; rename it",
    ),
    **{row: (build([GOOD, Entry(name=name)]), _message(name, rule)) for row, (name, rule) in BAD_NAMES.items()},
    **{row: (build([GOOD, *map(_named, names)]), message) for row, (names, message) in _COLLISIONS.items()},
    **{row: (build([GOOD, *entries]), message) for row, (entries, message) in _TYPES.items()},
}
"""Row → the archive and what is said of it."""
