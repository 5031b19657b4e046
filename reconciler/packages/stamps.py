"""Cheap fingerprints of sources: while a stamp stays, so does the content, and nothing needs to be read.

What may change without another stamp, since it was changed just now on a file system with coarse times, has none.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.fs.tree import Stamp, hides_changes, stamp_of
from reconciler.model.ignore_file import IGNORE_FILE, Ignores
from reconciler.model.ignored import is_ignored
from reconciler.packages import ignore_file

_NAME: Final = attrgetter("name")


def stamp_at(path: Path | str, ignore: Ignores) -> str:
    """The fingerprint of a folder or an archive, whichever is there; empty where there is none to be had."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as below
    except (OSError, ValueError):
        return ""
    return folder_stamp(path, ignore) if stat.S_ISDIR(status.st_mode) else _archive_stamp(status)


def archive_stamp(path: Path | str) -> str:
    """A fingerprint from one ``stat``: while it stays, so does the archive. Empty where there is none to be had."""
    try:
        return _archive_stamp(os.stat(path))  # noqa: PTH116 - a thousand of these are made for one plan
    except OSError:
        return ""


def _archive_stamp(status: os.stat_result) -> str:
    stamp = stamp_of(status)
    return "" if hides_changes(stamp) else _text_of(stamp)


def file_stamp(path: Path | str) -> str:
    """What one ``stat`` tells of a document, which is replaced and not written into. Empty where it is not there."""
    try:
        return _text_of(stamp_of(os.stat(path)))  # noqa: PTH116 - as above
    except OSError:
        return ""


def _text_of(stamp: Stamp) -> str:
    return f"{stamp.size}-{stamp.mtime_ns}-{stamp.ctime_ns}-{stamp.inode}"


def folder_stamp(path: Path | str, ignore: Ignores) -> str:
    """A fingerprint of all files from their ``stat`` alone: while it stays, so does the package.

    What ``ignore`` or the package's own file of patterns names does not count.

    Empty where there is no folder or a part of it cannot be listed: opening it tells why; or where none is to be had.
    """
    lines = [ignore.fingerprint] if ignore.fingerprint else []
    walk = _Collecting(lines, ignore)
    try:
        walk.collect(os.fspath(path), "")
    except OSError:
        return ""
    if walk.hides_changes:
        return ""
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def folder_stats(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file in ``folder`` and below but what is never content, with its ``stat``. Raises ``OSError``."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=_NAME)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not is_ignored(f"{entry.name}/"):
                yield from folder_stats(entry.path)
        elif not is_ignored(entry.name):
            yield entry.path, entry.stat(follow_symlinks=False)


class _Collecting(Struct):
    """One walk through a folder: it runs for every file of every local package in each pass."""

    lines: list[str]
    ignore: Ignores
    hides_changes: bool = False

    def collect(self, folder: str, prefix: str) -> None:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=_NAME)
        if not prefix and any(entry.name == IGNORE_FILE for entry in entries):
            self.ignore = self.ignore | ignore_file.at(folder)
        for entry in entries:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if not (is_ignored(f"{entry.name}/") or self.ignore.names(f"{path}/")):
                    self.collect(entry.path, f"{path}/")
            elif not (is_ignored(entry.name) or self.ignore.names(path)):
                stamp = stamp_of(entry.stat(follow_symlinks=False))
                self.hides_changes = self.hides_changes or hides_changes(stamp)
                self.lines.append(f"{entry.path}\0{':'.join(map(str, stamp))}\n")
