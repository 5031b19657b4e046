"""Files that a verb writes because the user named them."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, StorageError, UsageError
from reconciler.fs.durable import write_file
from reconciler.store.lock_file import lock_path


def check_output(path: Path, file: Path, lock: Path | None) -> None:
    """Refuse to write over the desired state or its lock, which is one forgotten word away."""
    if os.path.realpath(path) in map(os.path.realpath, (file, lock_path(file, lock))):
        raise UsageError(f"{path} is an input of this command; name another file for --out")


def write_output(path: Path, data: bytes) -> None:
    """Write the file, whole or not at all."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a regular file; choose another path", code=ErrorCode.EXISTS)
    try:
        write_file(path, data)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; it was not written") from error
