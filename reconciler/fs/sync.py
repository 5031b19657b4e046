"""Syncing: what has returned from here is still there after a power cut.

A failed sync is raised and never tried again: the system may have dropped the pages and would call a second try good.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final

from reconciler.fs.descriptor import READ, READ_FOLDER_THROUGH_LINKS, naming, opened
from reconciler.fs.tree import NodeKind, walk

_NO_SUCH_CALL: Final = frozenset([errno.EINVAL, errno.ENOTSUP, errno.ENOTTY, errno.ENOSYS])
"""How a file system says that it has no such operation, as against one that failed."""
_SYNCFS_REPORTS: Final = (5, 8)
"""The first Linux whose ``syncfs`` returns the errors of the writes that it waits for."""


def sync_fd(descriptor: int) -> None:
    """Sync an open file. Raises ``OSError``."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync stops at the drive's cache there
            return
        except OSError as error:
            if error.errno not in _NO_SUCH_CALL:
                raise
    os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder, links to it followed. Raises ``OSError``, but not where folders have no sync."""
    if sys.platform == "win32":
        return
    with naming(os.fspath(path)), opened(path, READ_FOLDER_THROUGH_LINKS) as descriptor:
        try:
            sync_fd(descriptor)
        except OSError as error:
            if error.errno not in _NO_SUCH_CALL:
                raise


def sync_tree(path: Path) -> None:
    """Sync every file and folder below the real folder ``path``, bottom up, and ``path`` last. Raises ``OSError``."""
    folders = []
    for node in walk(path):
        if node.kind is NodeKind.FOLDER:
            folders.append(path / node.path)
        elif node.kind is NodeKind.FILE:
            _hand_over(path / node.path)
    for folder in reversed(folders):
        _hand_over(folder)
    sync_folder(path)


def _hand_over(path: Path) -> None:
    """Sync as far as the drive; its own cache, on macOS, is emptied once by the ``sync_folder`` at the end."""
    with naming(os.fspath(path)), opened(path, READ) as descriptor:
        os.fsync(descriptor)


def sync_filesystem(path: Path) -> bool:
    """Sync, in one call, the whole file system that holds the folder ``path``. Raises ``OSError``.

    ``False``: this system has no such call that reports failures; use ``sync_tree``.
    """
    if os.name != "posix" or os.uname().sysname != "Linux" or _release(os.uname().release) < _SYNCFS_REPORTS:
        return False
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    with opened(path, READ_FOLDER_THROUGH_LINKS) as descriptor:
        failed = syncfs(descriptor) != 0
    if failed and ctypes.get_errno() not in _NO_SUCH_CALL:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), os.fspath(path))
    return not failed


def _release(text: str) -> tuple[int, ...]:
    """The numbers of a kernel release such as ``6.1.0-13-amd64``: its first two."""
    numbers = text.replace("-", ".").split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())
