"""One writer at a time, across processes: a lock that the system drops when its holder dies.

The lock is on the file and the file is never removed. What stands in it tells people who the holder is and is no proof
of anything. The descriptor does not pass to programs that the holder starts; a bare ``fork`` does pass it on, and the
lock then lasts until both have ended or the holder has left the ``with`` block.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.errors import BusyError, StorageError
from reconciler.fs.descriptor import PLAIN, READ, opened, write_all
from reconciler.fs.durable import private_mode
from reconciler.model.regex import regex

_POLL_SECONDS: Final = 0.05
_NOTICE_SECONDS: Final = 0.5
_MAX_LINE_BYTES: Final = 4096
_MAX_COMMAND_CHARACTERS: Final = 200
_SINCE: Final = regex(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)")


@contextmanager
def exclusive(path: Path, *, command: str, wait: float, notice: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock ``path`` for the ``with`` block; ``command`` is what others read about the holder.

    ``wait`` is in seconds. After half a second ``notice`` is told, once, which holder this waits for.
    Raises ``BusyError`` where the lock is still taken after ``wait``, ``StorageError`` where there can be none.
    """
    with _lock_file(path, os.O_RDWR | os.O_CREAT | PLAIN) as descriptor:
        _open_to_group(descriptor, path)
        _acquire(descriptor, path, _moments(wait), notice)
        _introduce(descriptor, command)
        try:
            yield
        finally:
            _unlock(descriptor)


def is_held(path: Path) -> bool:
    """Whether someone, this process included, holds the lock ``path`` right now. Raises ``StorageError``."""
    if not os.path.lexists(path):
        return False
    with _lock_file(path, READ) as descriptor:
        return not _try_lock(descriptor, path, shared=True)


def holder(path: Path) -> str:
    """Who took the lock ``path`` last, in words: ``llamagate apply (pid 123, since 12:00:05)``. Never raises."""
    with suppress(OSError, ValueError, RecursionError):
        with opened(path, READ) as descriptor:
            document = json.loads(os.read(descriptor, _MAX_LINE_BYTES))
        if isinstance(document, dict):
            return _described(document.get("command"), document.get("pid"), document.get("since"))
    return _described(None, None, None)


def _described(command: object, pid: object, since: object) -> str:
    name = "".join(letter if letter.isprintable() else "?" for letter in command) if isinstance(command, str) else ""
    facts = [f"pid {pid}"] if type(pid) is int and 0 < pid < 1 << 32 else []
    if isinstance(since, str) and (match := _SINCE.match(since)):
        facts.append(f"since {match[2]}" if match[1] == time.strftime("%Y-%m-%d") else f"since {match[1]} {match[2]}")
    text = name[:_MAX_COMMAND_CHARACTERS] or "another process"
    return f"{text} ({', '.join(facts)})" if facts else text


def _moments(wait: float) -> Iterator[float]:
    """When to try: yields the seconds waited so far, for the last time when ``wait`` has just passed."""
    limit = max(wait, 2 * _POLL_SECONDS)  # a reader's probe holds the lock for an instant, and that is not "busy"
    start = time.monotonic()
    while (waited := time.monotonic() - start) < limit:
        yield waited
        time.sleep(_POLL_SECONDS)
    yield waited


def _acquire(descriptor: int, path: Path, moments: Iterator[float], notice: Callable[[str], None]) -> None:
    waited, told = 0.0, False
    for waited in moments:
        if _try_lock(descriptor, path):
            return
        if not told and waited >= _NOTICE_SECONDS:
            notice(f"waiting for {holder(path)}")
            told = True
    raise BusyError(f"{holder(path)} is changing this home; gave up after {waited:.0f} s")


def _introduce(descriptor: int, command: str) -> None:
    facts = {"pid": os.getpid(), "command": command, "since": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    with suppress(OSError):  # a full disk must not stop the command that makes room
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        write_all(descriptor, json.dumps(facts).encode() + b"\n")


@contextmanager
def _lock_file(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise StorageError(f"{path} is a symbolic link; remove it") from error
        raise StorageError(f"cannot open the lock {path}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_to_group(descriptor: int, path: Path) -> None:
    """Let all take the lock who may write to its folder, where its owner, who made it, may change its mode."""
    with suppress(OSError):  # on a file system without modes
        status, mode = os.fstat(descriptor), private_mode(path.parent)
        if status.st_uid == os.geteuid() and mode & ~status.st_mode:
            os.fchmod(descriptor, mode)


def _try_lock(descriptor: int, path: Path, *, shared: bool = False) -> bool:
    try:
        return _lock(descriptor, shared=shared)
    except OSError as error:
        raise StorageError(f"cannot lock {path}: {error.strerror}") from error


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE: Final = 1 << 30  # beyond the text: a locked byte cannot be read there

    def _lock(descriptor: int, *, shared: bool) -> bool:  # noqa: ARG001 - this platform has no shared kind
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
