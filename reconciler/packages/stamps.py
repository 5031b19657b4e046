"""Cheap fingerprints of sources: while a stamp stays, so does the content, and nothing needs to be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
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
    try:
        lines = [f"{name}\0{':'.join(map(str, stamp_of(status)))}\n" for name, status in folder_stats(os.fspath(path))]
    except OSError:
        return ""
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def folder_stats(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file in ``folder`` and below that counts, with its ``stat``. Raises ``OSError``."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=_NAME)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not is_ignored(f"{entry.name}/"):
                yield from folder_stats(entry.path)
        elif not is_ignored(entry.name):
            yield entry.path, entry.stat(follow_symlinks=False)
