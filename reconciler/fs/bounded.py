"""Files of others: nothing of them is waited for, and no more is read than is wanted."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from reconciler.fs.descriptor import READ_THROUGH_LINKS, naming

_LEAST_BYTES: Final = 1 << 12
_PART_BYTES: Final = 1 << 16
"""Of what is asked for at once: where a file has no size, as those of ``/proc``, and behind the end that it had."""


def read_start(path: Path | str, most: int = -1) -> bytes:
    """The first ``most`` bytes of ``path``, or all. Raises ``OSError``: ``EINVAL`` where it is no regular file."""
    name = os.fspath(path)
    with naming(name):
        descriptor = os.open(name, READ_THROUGH_LINKS)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", name)
            return _read(descriptor, status.st_size, most)
        finally:
            os.close(descriptor)


def _read(descriptor: int, size: int, most: int) -> bytes:
    """Until the end, whatever its size was; ``most`` bytes of it, where that is not negative."""
    parts: list[bytes] = []
    left, room = most, max(size + 1, _LEAST_BYTES)
    while left:
        wanted = room if left < 0 else min(room, left)
        part = os.read(descriptor, wanted)
        parts.append(part)
        if not part or (size and len(part) == size < wanted):  # all of it at once: this was the end
            break
        left = left - len(part) if left > 0 else left
        room = _PART_BYTES
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_if_there(path: Path, most: int = -1) -> bytes | None:
    """``read_start``; ``None`` where there is no such file, nor its folder."""
    try:
        return read_start(path, most)
    except (FileNotFoundError, NotADirectoryError):
        return None
