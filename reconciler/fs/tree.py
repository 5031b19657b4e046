"""Trees of files: look, hash, create, remove. Nothing here follows a symbolic link and nothing here is synced.

Folders are held by descriptor while they are read, so that a tree which is exchanged meanwhile is still seen whole.
Windows has no such descriptors: this imports there, and a port would add a twin that goes by path.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from operator import attrgetter
from pathlib import Path
from time import time_ns
from typing import Final, NamedTuple

from reconciler.fs.descriptor import CREATE, READ, READ_FOLDER, naming, write_all
from reconciler.fs.ownership import Likeness

_CHUNK_BYTES: Final = 1 << 16
_SECOND_NS: Final = 10**9
_COARSE_NS: Final = 2 * _SECOND_NS
_NAME: Final = attrgetter("name")


class Stamp(NamedTuple):
    """What changes when a file is touched. ``size`` in bytes, times in nanoseconds since 1970."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class NodeKind(Enum):
    """What a node itself is: a link to a folder is a link."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"
    """Pipe, socket or device."""


_KINDS: Final = {stat.S_IFREG: NodeKind.FILE, stat.S_IFDIR: NodeKind.FOLDER, stat.S_IFLNK: NodeKind.LINK}


class Node(NamedTuple):
    """One thing below a root. ``path`` is relative, with ``/``; ``mode`` holds the permission bits alone."""

    path: str
    kind: NodeKind
    stamp: Stamp
    mode: int


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp within a ``stat`` result."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def hides_changes(stamp: Stamp) -> bool:
    """Whether a file that has this stamp now may change without getting another one.

    Some file systems (FAT, HFS+, network ones) count whole seconds, or two of them: until those are over, a change that
    keeps the size leaves no trace. The time of the last change tells; nobody can set it.
    """
    return stamp.ctime_ns % _SECOND_NS == 0 and stamp.ctime_ns + _COARSE_NS > time_ns()


def kind_of(status: os.stat_result) -> NodeKind:
    """The kind within an ``lstat`` result."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), NodeKind.OTHER)


def kind_at(path: Path | str) -> NodeKind | None:
    """What is at ``path``, links followed; ``None`` where there is nothing, or nothing that may be looked at."""
    try:
        return kind_of(os.stat(path))
    except (OSError, ValueError):
        return None


def link_at(path: Path | str) -> str | None:
    """Where the link ``path`` leads; ``None`` where there is none, or none that may be looked at."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return None


def inode_of(path: Path | str) -> int | None:
    """The inode of ``path`` itself, or ``None`` where there is nothing."""
    try:
        return os.lstat(path).st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None


def walk(root: Path | str) -> Iterator[Node]:
    """Everything below ``root``: a folder before its content, each folder sorted by name.

    What vanishes meanwhile is left out. Raises ``OSError``; ``NotADirectoryError`` where ``root`` is a link or a file.
    """
    return _walk(os.fspath(root), None, os.fspath(root), "")


def _walk(name: str, parent: int | None, root: str, prefix: str) -> Iterator[Node]:
    """Below the real folder ``name`` in ``parent``. It runs for every file of a home, so ``stamp_of`` stands inline."""
    folder = None
    try:
        folder = os.open(name, READ_FOLDER, dir_fd=parent)
        with os.scandir(folder) as entries:
            found = sorted(entries, key=_NAME)
    except OSError as error:
        if folder is not None:
            os.close(folder)
        error.filename = f"{root}/{prefix}".rstrip("/")
        raise
    try:
        for entry in found:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                error.filename = f"{root}/{prefix}{entry.name}"
                raise
            path, mode = prefix + entry.name, status.st_mode
            kind = _KINDS.get(stat.S_IFMT(mode), NodeKind.OTHER)
            stamp = Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            yield Node(path, kind, stamp, mode & 0o7777)
            if kind is NodeKind.FOLDER:
                with suppress(FileNotFoundError):
                    yield from _walk(entry.name, folder, root, f"{path}/")
    finally:
        os.close(folder)


def executables_if_untouched(root: str, files: Mapping[str, tuple[object, ...]]) -> frozenset[str] | None:
    """Which of ``files`` below the real folder ``root`` may be run; ``None`` unless each has its stamp still.

    ``files`` maps a path to a tuple whose first part is not looked at, and whose others are the stamp. Each must be a
    regular file, in real folders. Raises ``OSError``.
    """
    executables, folders = [], {""}
    folder = os.open(root, READ_FOLDER)  # not "opened": it runs for every item of a home
    try:
        for path, file in files.items():
            status = os.stat(path, dir_fd=folder, follow_symlinks=False)
            mode, stamp = status.st_mode, (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            if file[1:] != stamp or not stat.S_ISREG(mode):
                return None
            if mode & 0o111:
                executables.append(path)
            above = path.rpartition("/")[0]
            while above not in folders:
                if not stat.S_ISDIR(os.stat(above, dir_fd=folder, follow_symlinks=False).st_mode):
                    return None
                folders.add(above)
                above = above.rpartition("/")[0]
        return frozenset(executables)
    finally:
        os.close(folder)


def hash_file(root: Path | str, path: str) -> str:
    """The sha256 of a regular file, as hex. Raises ``OSError``: ``ELOOP`` for a link, ``EINVAL`` for any other kind."""
    import hashlib  # slow to load, and a reader that can trust the stamps never comes here

    file = os.path.join(root, path)
    with naming(file):
        descriptor = os.open(file, READ)  # not "opened": some readers hash every file of a home
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", file)
            digest = hashlib.sha256()
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                digest.update(chunk)
            return digest.hexdigest()
        finally:
            os.close(descriptor)


def create_file(
    folder_fd: int, name: str, chunks: Iterable[bytes], mode: int, *, like: Likeness | None = None
) -> Stamp:
    """Make a new file in the open folder and return its final stamp. ``mode`` holds whatever the umask is.

    It gets owner and group of ``like``.

    Raises ``OSError``, ``FileExistsError`` among them, and what ``chunks`` raises; what was written until then stays.
    """
    descriptor = os.open(name, CREATE, mode, dir_fd=folder_fd)  # not "opened": it runs for every file of a change
    try:
        for chunk in chunks:
            write_all(descriptor, chunk)
        status = os.fstat(descriptor)
        given = like is not None and like.give(descriptor, status)
        changed = stat.S_IMODE(status.st_mode) != mode
        if changed:
            os.fchmod(descriptor, mode)
        return stamp_of(os.fstat(descriptor) if given or changed else status)
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove whatever ``path`` is: file, link or folder with all below, also where its owner may not look inside.

    Nothing there is fine. Raises ``OSError`` with ``path`` at the first thing that stays.
    """
    try:
        if kind_of(os.lstat(path)) is NodeKind.FOLDER:
            _remove_folder(os.fspath(path), None)
        else:
            os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        error.filename = os.fspath(path)
        raise


def _remove_folder(name: str, parent: int | None) -> None:
    folder = _open_for_removal(name, parent)
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_folder in found:
            with suppress(FileNotFoundError):
                if is_folder:
                    _remove_folder(child, folder)
                else:
                    os.unlink(child, dir_fd=folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=parent)


def _open_for_removal(name: str, parent: int | None) -> int:
    """Open a folder and make sure that its owner may list and empty it."""
    try:
        folder = os.open(name, READ_FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        folder = os.open(name, READ_FOLDER, dir_fd=parent)
    if os.fstat(folder).st_mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(PermissionError):  # of another owner: the removal itself will tell
            os.fchmod(folder, stat.S_IRWXU)
    return folder
