"""Cheap fingerprints of sources: while a stamp stays, so does the content, and nothing needs to be read."""

from __future__ import annotations

import hashlib
import os
from operator import attrgetter
from pathlib import Path
from typing import Final

from reconciler.fs.tree import stamp_of
from reconciler.model.ignored import is_ignored

_NAME: Final = attrgetter("name")


def archive_stamp(path: Path) -> str:
    """A fingerprint from one ``stat``: while it stays, so does the archive. Empty where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a thousand of these are made for one plan
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def folder_stamp(path: Path) -> str:
    """A fingerprint of all files from their ``stat`` alone: while it stays, so does the package.

    Empty where there is no folder or a part of it cannot be listed: opening it tells why.
    """
    lines: list[str] = []
    try:
        _collect_stamps(os.fspath(path), lines)
    except OSError:
        return ""
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _collect_stamps(folder: str, lines: list[str]) -> None:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=_NAME)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not is_ignored(f"{entry.name}/"):
                _collect_stamps(entry.path, lines)
        elif not is_ignored(entry.name):
            status = entry.stat(follow_symlinks=False)
            lines.append(f"{entry.path}\0{':'.join(map(str, stamp_of(status)))}\n")
