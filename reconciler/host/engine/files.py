"""The files of one item: read anywhere in it, write where the item's program may. No path leads out of it.

Every folder on the way is opened by descriptor and no link is followed, so that what was checked is what is used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EISDIR, ELOOP, ENOENT, ENOTDIR, ENXIO
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.fs.descriptor import CREATE, PLAIN, READ, READ_FOLDER, opened, write_all
from reconciler.host.errors import RunError, StepValueError
from reconciler.model.ids import path_problem

_APPEND: Final[int] = os.O_WRONLY | os.O_CREAT | os.O_APPEND | PLAIN | getattr(os, "O_NONBLOCK", 0)
_MODE: Final = 0o644
_OF_THE_PATH: Final = (ENOENT, ENOTDIR, EISDIR, ELOOP, ENXIO, EACCES)
"""Refusals that another path would not meet."""
_TEMPORARY: Final = ".llamagate-host"


class ItemFiles(Struct, frozen=True, kw_only=True):
    """``folder`` is the item's. ``is_mutable`` says which of its paths a program may write; ``limit`` is in bytes."""

    folder: Path
    is_mutable: Callable[[str], bool]
    limit: int

    def read(self, path: str) -> str:
        """The text of a file. ``StepValueError`` where it is none, is too large or is outside the item."""
        path = _inside(path)
        with self._parent(path) as folder, opened(_name(path), READ, folder=folder) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StepValueError(f"{path} is no regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                data = stream.read(self.limit + 1)
        if len(data) > self.limit:
            raise StepValueError(f"{path} has more than {self.limit} bytes")
        return data.decode("utf-8", "replace")

    def write(self, path: str, data: bytes) -> str:
        """Replace the file at once, and make its folders. Returns the path within the item."""
        path = self._writable(path, data)
        temporary = f"{_TEMPORARY}-{os.urandom(8).hex()}"
        with self._parent(path, make=True) as folder:
            try:
                with opened(temporary, CREATE, _MODE, folder=folder) as descriptor:
                    write_all(descriptor, data)
                os.replace(temporary, _name(path), src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
        return path

    def append(self, path: str, data: bytes) -> str:
        """Add to the end of the file, in one write; else as ``write``."""
        path = self._writable(path, data)
        with self._parent(path, make=True) as folder, opened(_name(path), _APPEND, _MODE, folder=folder) as descriptor:
            write_all(descriptor, data)
        return path

    def _writable(self, path: str, data: bytes) -> str:
        inside = _inside(path)
        if not self.is_mutable(inside):
            raise StepValueError(
                f"{inside} must not be written: programs write below var/ or output/, or as policy.mutable says"
            )
        if len(data) > self.limit:
            raise StepValueError(f"{inside} would have more than {self.limit} bytes")
        return inside

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[int]:
        """The open folder that holds ``path``. What the system refuses is a ``RunError``."""
        try:
            descriptor = os.open(self.folder, READ_FOLDER)
            try:
                for part in path.split("/")[:-1]:
                    descriptor = _entered(descriptor, part, make=make)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            kind = StepValueError if error.errno in _OF_THE_PATH else RunError
            raise kind(f"{path} cannot be used: {error.strerror}") from error


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _entered(descriptor: int, part: str, *, make: bool) -> int:
    """The folder ``part`` of an open folder, which is closed."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=descriptor)
    below = os.open(part, READ_FOLDER, dir_fd=descriptor)
    os.close(descriptor)
    return below


def _inside(path: str) -> str:
    """``path`` in its plain form, below the item. ``StepValueError`` where it leaves it or is no good name anywhere."""
    plain = "/".join(part for part in path.split("/") if part != ".") if path.startswith("./") else path
    problem = path_problem(plain)
    if problem:
        raise StepValueError(f"the path {path[:100]!r}: {problem}")
    return plain
