"""Syncing: what has returned from here is still there after a power cut.

A failed sync is raised and never tried again: the system may have dropped the pages and would call a second try good.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.fs.descriptor import READ, READ_FOLDER_THROUGH_LINKS, naming, opened
from reconciler.fs.tree import NodeKind, walk

if TYPE_CHECKING:
    import ctypes

_FEW: Final = 8
"""Up to so many files are synced one by one; one sync of the filesystem is cheaper for more."""
_STATFS_BYTES: Final = 512
"""More than any system's ``struct statfs``."""
_NO_SUCH_CALL: Final = frozenset([errno.EINVAL, errno.ENOTSUP, errno.ENOTTY, errno.ENOSYS])
"""How a file system says that it has no such operation, as against one that failed."""
_SYNCFS_REPORTS: Final = (5, 8)
"""The first Linux whose ``syncfs`` returns the errors of the writes that it waits for."""
_KEEP_THEIR_WORD: Final[Mapping[int, str]] = {
    0xEF53: "ext4",  # and ext2, ext3
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0xF2F52010: "f2fs",
    0xCA451A4E: "bcachefs",
    0x2FC12FC1: "zfs",
    0x794C7630: "overlay",
    0x01021994: "tmpfs",  # which keeps nothing, and has nothing to write
}
"""File systems that have written everything when ``syncfs`` returns, by the numbers of ``statfs`` (man 2 statfs).

Others acknowledge the call and write nothing: FUSE, where the kernel does not even pass it on.
"""


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


def sync_files(paths: Collection[Path]) -> None:
    """Sync these files and the folders that name them; where there are many, by one call for a whole file system."""
    folders = {path.parent for path in paths}
    if len(paths) > _FEW:
        one_each = {os.stat(folder).st_dev: folder for folder in folders}
        if all(sync_filesystem(folder) for folder in one_each.values()):
            return
    for path in paths:
        _hand_over(path)
    for folder in folders:
        sync_folder(folder)


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

    ``False``: there is no such call here that reports failures and can be relied on; sync each file and folder.
    """
    if os.name != "posix" or os.uname().sysname != "Linux" or _release(os.uname().release) < _SYNCFS_REPORTS:
        return False
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    syncfs = getattr(library, "syncfs", None)
    if syncfs is None:
        return False
    with opened(path, READ_FOLDER_THROUGH_LINKS) as descriptor:
        if _kind(library, descriptor) not in _KEEP_THEIR_WORD:
            return False
        failed = syncfs(descriptor) != 0
    if failed and ctypes.get_errno() not in _NO_SUCH_CALL:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), os.fspath(path))
    return not failed


def _kind(library: ctypes.CDLL, descriptor: int) -> int:
    """The number of the file system's type; 0 where the system does not say."""
    import ctypes

    status = ctypes.create_string_buffer(_STATFS_BYTES)
    if library.fstatfs(descriptor, status) != 0:
        return 0
    return ctypes.c_ulong.from_buffer(status).value & 0xFFFFFFFF  # the first field, a number of 32 bits


def _release(text: str) -> tuple[int, ...]:
    """The numbers of a kernel release such as ``6.1.0-13-amd64``: its first two."""
    numbers = text.replace("-", ".").split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())
