"""Read while others may write: without the mutex, and without recovering anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal, TypeVar

from reconciler.apply.journal import interrupted
from reconciler.codes import ErrorCode
from reconciler.errors import BusyError, InputError, NeedsRecoveryError
from reconciler.fs import file_lock
from reconciler.fs.presence import is_folder, mode_of
from reconciler.model.home import Home
from reconciler.observe.home import is_there

READER_ATTEMPTS: Final = 5
READER_PAUSE_SECONDS: Final = 0.05

TransactionState = Literal["none", "running", "interrupted"]
T = TypeVar("T")


def steadily(home: Home, read: Callable[[], T]) -> T:
    """What ``read`` gives while no change is under way.

    ``BusyError`` where a writer stays at work, ``NeedsRecoveryError`` where one died at it.
    """
    for _ in range(READER_ATTEMPTS):
        before = _generation_mark(home)
        if not interrupted(home):
            found = read()
            if _generation_mark(home) == before and not interrupted(home):
                return found
        time.sleep(READER_PAUSE_SECONDS)
    if transaction_state(home) != "interrupted":
        raise BusyError(f"{home.root} is being changed by {file_lock.holder(home.lock)}")
    raise NeedsRecoveryError(
        f"a change of {home.root} was interrupted",
        advice="run 'llamagate recover': it finishes the change or undoes it",
    )


def check_there(home: Home) -> None:
    """``InputError`` where there is no home: it is not the same as an empty one, which may be a mistaken path."""
    if not is_there(home):
        message = "this home does not exist yet; 'llamagate apply' creates it, --home names another"
        if mode_of(home.root) is not None and not is_folder(home.root):
            message = "this is a file; a home is a folder: name it with --home"
        raise InputError.at(message, file=home.root, code=ErrorCode.NOT_FOUND)


def transaction_state(home: Home) -> TransactionState:
    """Whether a change is under way, or was cut off."""
    if not interrupted(home):
        return "none"
    return "running" if file_lock.is_held(home.lock) else "interrupted"


def _generation_mark(home: Home) -> tuple[int, int] | None:
    """Changes with every record that is written."""
    try:
        found = home.record.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
