"""What a command is given to read: a file, or standard input. No more of it than a document can be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from reconciler.errors import InputError
from reconciler.fs.bounded import read_start

STDIN: Final = Path("-")
_MOST_BYTES: Final = 2**22


def read_given(path: Path) -> tuple[bytes, str]:
    """The whole of it, and what it is called. ``InputError`` where it cannot be read, or is too long."""
    if path == STDIN:
        data, name = sys.stdin.buffer.read(_MOST_BYTES + 1), "standard input"
    else:
        data, name = _start(path), str(path)
    if len(data) > _MOST_BYTES:
        raise InputError(f"{name} has more than {_MOST_BYTES} bytes; give less")
    return data, name


def _start(path: Path) -> bytes:
    try:
        return read_start(path, _MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
