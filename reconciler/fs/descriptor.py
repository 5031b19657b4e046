"""Open flags and the habits of every open file here: it is closed, written whole, and named in an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# A platform that lacks a flag lacks what the flag guards against, or nearly so.
PLAIN: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
READ: Final[int] = os.O_RDONLY | PLAIN | getattr(os, "O_NONBLOCK", 0)
"""For what should be a file: a link is refused, a pipe does not block."""
READ_THROUGH_LINKS: Final[int] = READ & ~getattr(os, "O_NOFOLLOW", 0)
READ_FOLDER: Final[int] = os.O_RDONLY | PLAIN | getattr(os, "O_DIRECTORY", 0)
READ_FOLDER_THROUGH_LINKS: Final[int] = READ_FOLDER & ~getattr(os, "O_NOFOLLOW", 0)
CREATE: Final[int] = os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN
"""For a file that must not be there yet."""


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``: a single ``write`` may take less and call that a success."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


@contextmanager
def opened(path: Path | str, flags: int, mode: int = 0o600, *, folder: int | None = None) -> Iterator[int]:
    """A descriptor of ``path``, below the open ``folder`` if given, that is closed in the end. Raises ``OSError``."""
    descriptor = os.open(path, flags, mode, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Give ``path`` to an ``OSError`` that names none, as those of calls on descriptors do."""
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str | bytes):  # none, or the number of a descriptor
            error.filename = path
        raise
