"""Changes that outlast a power cut: write beside the target, sync, rename, sync the folder.

A temporary's name follows from its target's, so a crash leaves at most one and the next write removes it. Writers of
one folder wait for each other.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from reconciler.fs.descriptor import CREATE, READ_FOLDER_THROUGH_LINKS, naming, opened, write_all
from reconciler.fs.presence import is_folder
from reconciler.fs.sync import sync_fd, sync_folder
from reconciler.fs.tree import remove_tree

_SUFFIX: Final = ".llamagate-tmp"
_MAX_NAME_BYTES: Final = 255


def write_file(
    path: Path,
    data: bytes,
    *,
    mode: int = 0o644,
    sync: bool = True,
    still: Callable[[], bool] | None = None,
    is_theirs: bool = False,
) -> bool:
    """Replace the content of ``path`` at once: a reader, or a crash, meets all of the old or all of the new.

    Where ``path`` is a symbolic link, what it leads to is replaced. ``mode`` holds whatever the umask is. ``still`` is
    asked at the last moment; where it says no, nothing is replaced, and the answer is ``False``. ``is_theirs``: owner
    and group stay, where the system permits it; those of a new file are its folder's. Raises ``OSError``
    with the path; then the temporary is gone, and ``path`` is as it was unless only the last sync failed.
    """
    target = behind_link(path)
    try:
        with _replacing(target, sync=sync) as temporary:
            owner = (owner_of(target) or owner_for_new(target.parent)) if is_theirs else None
            write_new(temporary, data, mode, sync=sync, owner=owner)
            _check(still)
    except _ChangedError:
        return False
    return True


class _ChangedError(Exception):
    """What is to be replaced is no longer what it was."""


def _check(still: Callable[[], bool] | None) -> None:
    if still is not None and not still():
        raise _ChangedError


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """``write_file`` for what is too large to hold: the stream that is given out becomes the content of ``path``.

    Whatever is raised inside leaves ``path`` as it was.
    """
    with _replacing(behind_link(path), sync=True) as temporary, naming(os.fspath(path)), temporary.open("xb") as out:
        yield out
        out.flush()
        if sys.platform != "win32":
            os.fchmod(out.fileno(), 0o644)
        sync_fd(out.fileno())


@contextmanager
def _replacing(target: Path, *, sync: bool) -> Iterator[Path]:
    """The place of a temporary that takes the name ``target`` at the end, or is removed where something is raised."""
    temporary = temporary_path(target)
    with one_writer(target.parent):
        remove_tree(temporary)
        try:
            yield temporary
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        if sync:
            sync_folder(target.parent)


def mode_of(path: Path) -> int:
    """The permission bits of the file ``path``, to write it again with; those of a usual file where there is none."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return 0o644


def owner_of(path: Path) -> tuple[int, int] | None:
    """Owner and group of the file ``path``; ``None`` where there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_uid, status.st_gid


def owner_for_new(folder: Path) -> tuple[int, int] | None:
    """Whose a new file in ``folder`` is: root leaves nothing of its own in the folder of another user."""
    return owner_of(folder) if sys.platform != "win32" and os.geteuid() == 0 else None


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Hold a lock on ``folder`` itself, where the system has such locks: two writers share the temporary's name.

    So our own commands take turns at its files, with different homes too, and leave no lock file among those of the
    user. A turn is as short as writing one file. It is the inner lock: a holder waits for no other one, nor for a home.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with opened(folder, READ_FOLDER_THROUGH_LINKS) as descriptor:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def write_new(path: Path, data: bytes, mode: int, *, sync: bool, owner: tuple[int, int] | None = None) -> None:
    """Write a file that must not be there yet. Raises ``OSError``; what was written until then stays.

    It gets this ``owner`` and group where the system permits it: root's ``--save`` leaves the file to its user.
    """
    with naming(os.fspath(path)), opened(path, CREATE, mode) as descriptor:
        write_all(descriptor, data)
        if sys.platform != "win32":
            status = os.fstat(descriptor)
            if owner not in (None, (status.st_uid, status.st_gid)):
                with suppress(OSError):
                    os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
        if sync:
            sync_fd(descriptor)


def behind_link(path: Path) -> Path:
    """What the link ``path`` leads to, or ``path`` where it is none. ``OSError`` where the link leads to itself."""
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    return target


def temporary_path(path: Path) -> Path:
    """Where the next content of ``path`` grows: beside it, always under the same name."""
    name = f".{path.name}{_SUFFIX}"
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        import zlib

        name = f".{zlib.crc32(os.fsencode(path.name)):08x}{_SUFFIX}"
    return path.with_name(name)


def discard_temporary(path: Path) -> None:
    """Remove what a crash during a change of ``path`` may have left, once no one is at it. Nothing there is fine."""
    temporary = temporary_path(path)
    if os.path.lexists(temporary):
        with one_writer(path.parent):
            remove_tree(temporary)


def unlink(path: Path, *, missing_ok: bool = False) -> None:
    """Remove a file or link for good.

    ``missing_ok`` still syncs: an earlier removal may not have got that far. The folder may be missing too then.
    """
    absent = (FileNotFoundError,) if missing_ok else ()
    with suppress(*absent):
        os.unlink(path)
    with suppress(*absent):
        sync_folder(path.parent)


def rename(source: Path | str, target: Path | str) -> None:
    """Give ``source`` the name ``target``; a caller that needs it to last syncs both folders."""
    os.rename(source, target)


def publish(path: Path) -> None:
    """Give what was written as the temporary of ``path``, and synced, its name for good; it may have it already."""
    try:
        os.replace(temporary_path(path), path)
    except FileNotFoundError:
        if not os.path.lexists(path):
            raise
    sync_folder(path.parent)


def discard_temporaries(folder: Path) -> None:
    """Remove every temporary in ``folder``, once no one is at it. Nothing there is fine."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.endswith(_SUFFIX):
                remove_tree(folder / name)


def private_mode(folder: Path) -> int:
    """The mode of a file in ``folder`` that only its owner may read, or the group that may write to the folder."""
    return 0o660 if _shared(folder) else 0o600


def _shared(folder: Path) -> int:
    """The bits by which a group may write to ``folder``, and to what is made in it; 0 where none may, or everyone."""
    mode = os.stat(folder).st_mode
    return mode & (stat.S_IWGRP | stat.S_ISGID) if mode & stat.S_IWGRP and not mode & stat.S_IWOTH else 0


def make_folders(path: Path, *, sync: bool = True, shares: bool = True) -> None:
    """Make ``path`` and its missing parents, for good where ``sync`` says so.

    Their mode is 0755, narrowed by the umask; where it ``shares``, a group that may write to the folder above may
    write to them, too.
    Raises ``OSError``, ``FileExistsError`` where something else has the name.
    """
    missing = []
    while not is_folder(path) and path != path.parent:
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        _make_folder(folder, sync=sync, shares=shares)


def _make_folder(path: Path, *, sync: bool, shares: bool) -> None:
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        if not is_folder(path):
            raise
        return  # else another process was faster
    if shares and (bits := _shared(path.parent)):
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | bits)
    if sync:
        sync_folder(path.parent)
