"""Whose files are: a new tree is like what it replaces, and root leaves nothing of its own in another's home."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from reconciler.fs.descriptor import READ, READ_FOLDER, opened


class Likeness(Struct, frozen=True):
    """Owner, group and mode of a folder that another one is to be like."""

    uid: int
    gid: int
    mode: int

    @property
    def file_mode(self) -> int:
        """The mode of a file in such a folder: a narrow umask hides none from the gateway, and a group may write."""
        return 0o644 | self.mode & stat.S_IWGRP

    def give(self, target: int | Path, status: os.stat_result) -> bool:
        """Give owner and group to what is there, or open, as far as the system permits; whether it has others.

        ``status`` is that of ``target``.
        """
        if (status.st_uid, status.st_gid) == (self.uid, self.gid):
            return False
        owner = self.uid if os.geteuid() == 0 else -1
        with suppress(OSError):
            os.chown(target, owner, self.gid)
        return True


def likeness_of(path: Path | str) -> Likeness | None:
    """That of the real folder ``path``; ``None`` where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    return Likeness(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


def owner_of_nearest(path: Path) -> int:
    """The owner of ``path``, or of the nearest folder above it that is there."""
    for place in (path, *path.parents):
        with suppress(OSError):
            return os.stat(place).st_uid
    return 0


def is_of_another(path: Path) -> bool:
    """Whether another user owns what is at ``path``; not where nothing is there, or the system knows no owners."""
    if sys.platform == "win32":
        return False
    try:
        return os.stat(path).st_uid != os.geteuid()
    except OSError:
        return False


def give_back(root: Path, uid: int) -> None:
    """Give to the user ``uid`` what root has below the folder ``root``, and itself. Nothing where we are not root.

    What is in root's group gets that of the folder it is in. Links stay, and so do files with several names: they may
    be those of another.
    """
    if uid == 0 or os.geteuid() != 0:
        return
    with suppress(OSError), opened(root, READ_FOLDER) as folder:
        status = os.fstat(folder)
        if status.st_uid == 0:
            os.fchown(folder, uid, _group(status, os.stat(root.parent).st_gid))
        _give_back_below(folder, uid)


def _group(status: os.stat_result, parent: int) -> int:
    """The group for what root made: that of its parent, unless it has one of its own."""
    return parent if status.st_gid == os.getegid() else -1


def _give_back_below(folder: int, uid: int) -> None:
    gid = os.fstat(folder).st_gid
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        if entry.is_symlink():
            continue
        with suppress(OSError), opened(entry.name, READ, folder=folder) as below:
            status = os.fstat(below)  # of what was opened: its owner may exchange what has the name
            is_folder = stat.S_ISDIR(status.st_mode)
            if status.st_uid == 0 and (is_folder or status.st_nlink == 1):
                os.fchown(below, uid, _group(status, gid))
            if is_folder:
                _give_back_below(below, uid)
