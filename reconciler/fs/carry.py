"""Bring nodes from one tree into another: a single local one, cheaply, or a whole tree, durably."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.fs.descriptor import CREATE, READ, naming, opened, write_all
from reconciler.fs.durable import discard_temporary, temporary_path
from reconciler.fs.ownership import Likeness
from reconciler.fs.presence import mode_of
from reconciler.fs.sync import sync_filesystem, sync_folder, sync_tree
from reconciler.fs.tree import Node, NodeKind, kind_of, stamp_of, walk

_NO_LINK: Final = frozenset(
    [errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP]
)
"""How a system says that it makes no hard link here, as against having failed."""
_CHUNK_BYTES: Final = 1 << 18


def carry(old_root: Path, new_root: Path, path: str) -> bool:
    """Bring the node ``path`` of the old tree into the new one, where it replaces what has that name.

    A file is hard-linked, so that a program which has it open goes on writing to it; where that is refused it is
    copied. A folder is made, without its content, and so are missing parents. Nothing is synced.

    ``False``: a pipe, socket or device that cannot be linked was left out. Raises ``OSError``: ``FileNotFoundError``
    where the node is gone, ``IsADirectoryError`` or ``FileExistsError`` where a folder and a file meet.
    """
    source, target = old_root / path, new_root / path
    status = os.lstat(source)
    if "/" in path and mode_of(target.parent) is None:
        carry(old_root, new_root, path.rpartition("/")[0])
    kind = kind_of(status)
    if kind is NodeKind.FOLDER:
        _make_folder(target, Likeness(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)))
    elif kind is NodeKind.LINK:
        _place(target, lambda place: os.symlink(os.readlink(source), place))
    elif not _is_node(target, status):
        return _link_or_copy(source, target, kind)
    return True


def _is_node(path: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.lstat(path), status)
    except FileNotFoundError:
        return False


def _make_folder(path: Path, like: Likeness) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        if kind_of(os.lstat(path)) is not NodeKind.FOLDER:
            raise
    else:
        like.give(path, os.stat(path))
        os.chmod(path, like.mode | stat.S_IRWXU)  # its content has yet to come


def _link_or_copy(source: Path, target: Path, kind: NodeKind) -> bool:
    try:
        _place(target, lambda place: os.link(source, place, follow_symlinks=False))
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        if kind is not NodeKind.FILE:
            return False
        _place(target, lambda place: _copy_file(source, place))
    return True


def _place(target: Path, make: Callable[[Path], None]) -> None:
    """Make a node beside ``target``, then give it that name, so that no half of it is ever seen there."""
    temporary = temporary_path(target)
    discard_temporary(target)
    try:
        make(temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _copy_file(source: Path, target: Path) -> None:
    with opened(source, READ) as reader, opened(target, CREATE) as writer, naming(os.fspath(target)):
        while chunk := os.read(reader, _CHUNK_BYTES):
            write_all(writer, chunk)
        status = os.fstat(reader)
        os.fchmod(writer, stat.S_IMODE(status.st_mode))
        os.utime(writer, ns=(status.st_atime_ns, status.st_mtime_ns))


def copy_tree(source: Path, target: Path) -> None:
    """Copy the real folder ``source`` to ``target``, which must not exist, and sync the copy.

    Modes, times and links as links are kept; hard links come apart; pipes, sockets and devices stay behind, as does
    what vanishes meanwhile. Raises ``OSError``; what was copied until then stays.
    """
    status = os.lstat(source)
    root = Node("", kind_of(status), stamp_of(status), stat.S_IMODE(status.st_mode))
    os.mkdir(target, stat.S_IRWXU)
    folders = [root]
    for node in walk(source):
        if node.kind is NodeKind.FOLDER:
            os.mkdir(target / node.path, stat.S_IRWXU)
            folders.append(node)
        else:
            with suppress(FileNotFoundError):
                _copy_node(source / node.path, target / node.path, node.kind)
    for folder in reversed(folders):  # only now: filling a folder changes its time, and its mode may forbid it
        os.utime(target / folder.path, ns=(folder.stamp.mtime_ns, folder.stamp.mtime_ns))
        os.chmod(target / folder.path, folder.mode)
    if not sync_filesystem(target):
        sync_tree(target)
    sync_folder(target.parent)


def _copy_node(source: Path, target: Path, kind: NodeKind) -> None:
    if kind is NodeKind.FILE:
        _copy_file(source, target)
    elif kind is NodeKind.LINK:
        os.symlink(os.readlink(source), target)
