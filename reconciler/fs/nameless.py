"""Files that have no name while they are written: a process that dies leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from reconciler.fs import durable
from reconciler.fs.descriptor import READ_FOLDER, naming, opened
from reconciler.fs.sync import sync_fd, sync_folder


@contextmanager
def file_in(folder: Path) -> Iterator[BinaryIO]:
    """A new file on the filesystem of ``folder``, for reading and writing, that is gone in the end."""
    import tempfile  # it loads random, and most commands write no such file

    with naming(os.fspath(folder)), tempfile.TemporaryFile(dir=folder) as file:
        yield cast(BinaryIO, file)


def give_name(file: BinaryIO, path: Path) -> None:
    """Give what ``file`` holds the name ``path``, for good. Raises ``OSError``.

    Where something has got that name meanwhile, it stays, or is replaced at once: all that give it write the same.
    """
    file.flush()
    with naming(os.fspath(path)):
        sync_fd(file.fileno())
        if sys.platform != "win32":
            os.fchmod(file.fileno(), 0o644)
    try:
        _link(file.fileno(), path)
    except OSError:  # a system without such files, or without links to them
        _copy(file, path)
    else:
        sync_folder(path.parent)


def _link(descriptor: int, path: Path) -> None:
    origin = f"/proc/self/fd/{descriptor}"
    # Only with a descriptor of the folder does Python call the form that follows the link below /proc.
    with opened(path.parent, READ_FOLDER) as folder, suppress(FileExistsError):
        os.link(origin, path.name, dst_dir_fd=folder, follow_symlinks=True)


def _copy(file: BinaryIO, path: Path) -> None:
    file.seek(0)
    with durable.new_file(path) as out:
        shutil.copyfileobj(file, out)
