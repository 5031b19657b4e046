"""Files of others: nothing of them is waited for, and no more is read than is wanted."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from reconciler.fs.descriptor import READ_THROUGH_LINKS, naming, opened


def read_start(path: Path, most: int = -1) -> bytes:
    """The first ``most`` bytes of ``path``, or all. Raises ``OSError``: ``EINVAL`` where it is no regular file."""
    with naming(os.fspath(path)), opened(path, READ_THROUGH_LINKS) as descriptor:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)


def read_if_there(path: Path, most: int = -1) -> bytes | None:
    """``read_start``; ``None`` where there is no such file, nor its folder."""
    try:
        return read_start(path, most)
    except (FileNotFoundError, NotADirectoryError):
        return None
