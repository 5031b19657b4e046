"""Change places: two paths at once where the system can, one path to another in any case."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.fs.carry import copy_tree
from reconciler.fs.durable import temporary_path
from reconciler.fs.sync import sync_folder
from reconciler.fs.tree import remove_tree

if TYPE_CHECKING:
    import ctypes

_NOT_HERE: Final = frozenset([errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV])
_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
"""``RENAME_EXCHANGE`` on Linux and ``RENAME_SWAP`` on macOS."""
_RENAMEAT2: Final = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "ppc64le": 357, "s390x": 347}
"""The system call's number on 64-bit Linux, for C libraries that do not offer it by name."""


def exchange(first: Path, second: Path) -> bool:
    """Let two existing paths change places in one step, so that neither is ever missing. Nothing is synced.

    ``False``: the system or the file system cannot do it, and nothing happened. Raises ``OSError`` with both paths.
    """
    call = _exchanger()
    code = call(os.fsencode(first), os.fsencode(second)) if call else errno.ENOSYS
    if code and code not in _NOT_HERE:
        raise OSError(code, os.strerror(code), os.fspath(first), None, os.fspath(second))
    return code == 0


@cache
def _exchanger() -> Callable[[bytes, bytes], int] | None:
    """A function that exchanges two paths and returns 0 or the error number; ``None`` where the system has none."""
    if sys.platform not in ("linux", "darwin"):
        return None
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    call = _macos_call(library) if sys.platform == "darwin" else _linux_call(library)
    if call is None:
        return None
    return lambda first, second: ctypes.get_errno() if call(first, second) else 0


def _macos_call(library: ctypes.CDLL) -> Callable[[bytes, bytes], int] | None:
    renamex = getattr(library, "renamex_np", None)
    return renamex and (lambda first, second: renamex(first, second, _EXCHANGE))


def _linux_call(library: ctypes.CDLL) -> Callable[[bytes, bytes], int] | None:
    if named := getattr(library, "renameat2", None):
        return lambda first, second: named(_AT_FDCWD, first, _AT_FDCWD, second, _EXCHANGE)
    number = _RENAMEAT2.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    if number is None:
        return None
    import ctypes

    numbers = ctypes.c_long(number), ctypes.c_long(_AT_FDCWD)
    return lambda first, second: library.syscall(*numbers, first, numbers[1], second, ctypes.c_ulong(_EXCHANGE))


def move(source: Path, target: Path) -> None:
    """Give the folder ``source`` the name ``target``, which must not exist or be an empty folder.

    Where the system cannot rename it there (another file system, a lower layer of an overlay), a copy of it beside
    ``target``, durable, takes the name; then ``source`` is removed. What a crash left of a copy is removed first.

    Raises ``OSError`` with the paths, ``ENOTEMPTY`` where ``target`` is in use; until the name is taken ``source`` is
    whole. The folders on both sides are the caller's to sync.
    """
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_by_copy(source, target, temporary_path(target))


def _move_by_copy(source: Path, target: Path, via: Path) -> None:
    remove_tree(via)
    try:
        copy_tree(source, via)
        os.rename(via, target)
    except OSError:
        with suppress(OSError):
            remove_tree(via)
        raise
    sync_folder(target.parent)
    remove_tree(source)


def same_filesystem(first: Path, second: Path) -> bool:
    """Whether two existing paths, links followed, lie on one device. Raises ``OSError`` where one is missing."""
    return os.stat(first).st_dev == os.stat(second).st_dev
