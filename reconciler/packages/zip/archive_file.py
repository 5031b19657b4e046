"""An open archive: exact reads of ranges, from one file that must stay what it is."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.errors import InputError
from reconciler.fs.descriptor import READ_THROUGH_LINKS, naming
from reconciler.fs.tree import Stamp, stamp_of
from reconciler.packages.content import CHUNK_BYTES, refusal

PACK_AGAIN: Final = "pack the archive again"


class ArchiveFile(Struct, frozen=True):
    """A regular file, open for reading. ``head`` is the whole of a small one: most need a single read."""

    name: str
    stamp: Stamp
    head: bytes
    _descriptor: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stamp.size

    @property
    def identity(self) -> tuple[int, ...]:
        """What is another one for another file, or for the same one with another content."""
        return self.stamp.size, self.stamp.mtime_ns, self.stamp.inode

    def read(self, offset: int, length: int) -> bytes:
        """Exactly the ``length`` bytes at ``offset``. ``InputError`` where they are not there."""
        if offset + length > self.stamp[0]:
            raise self.refuse("ends in the middle of an entry: it is damaged")
        if self.head:
            return self.head[offset : offset + length]
        return _read(self._descriptor, offset, length, self.name)

    def chunks(self, offset: int, length: int) -> Iterator[bytes]:
        """The same range in pieces."""
        end = offset + length
        for start in range(offset, end, CHUNK_BYTES):
            yield self.read(start, min(CHUNK_BYTES, end - start))

    def refuse(self, rule: str, *, entry: str | None = None, advice: str = PACK_AGAIN) -> InputError:
        """The error for a fault in this archive."""
        return refusal(self.name, rule, entry=entry, advice=advice)


@contextmanager
def opened_archive(place: Path | int, name: str) -> Iterator[ArchiveFile]:
    """Open a path, which may be a link of the user's own; a pipe does not block. ``InputError`` where that fails.

    ``place`` may also be the descriptor of a file that has no name; it stays open.
    """
    try:
        descriptor = os.open(place, READ_THROUGH_LINKS) if isinstance(place, Path) else os.dup(place)
    except OSError as error:
        advice = "check its permissions" if error.errno == errno.EACCES else "check the path"
        raise refusal(name, f"cannot be opened: {error.strerror}", advice=advice) from error
    try:
        with naming(str(place)):
            status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refusal(name, "is not a regular file", advice="name a zip archive")
        head = _read(descriptor, 0, status.st_size, name) if status.st_size <= CHUNK_BYTES else b""
        yield ArchiveFile(name, stamp_of(status), head, descriptor)
    finally:
        os.close(descriptor)


def read_again(
    place: Path | int, name: str, identity: tuple[int, ...], sha256: str, data: Callable[[ArchiveFile], Iterable[bytes]]
) -> Iterator[bytes]:
    """The pieces of an entry that was checked before. ``InputError`` where the archive or this data changed since."""
    digest = hashlib.sha256()
    with opened_archive(place, name) as archive:
        if archive.identity != identity:
            raise _changed(name)
        for chunk in data(archive):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != sha256:
        raise _changed(name)


def _changed(name: str) -> InputError:
    return refusal(name, "changed since it was checked", advice="run the command again")


def _read(descriptor: int, offset: int, length: int, name: str) -> bytes:
    try:
        data = os.pread(descriptor, length, offset)
    except OSError as error:
        raise refusal(name, f"cannot be read: {error.strerror}", advice="check the disk") from error
    if len(data) != length:
        raise refusal(name, "changed while it was read", advice="run the command again")
    return data
