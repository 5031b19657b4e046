"""The bytes of a tar archive from any place on, whether it lies there plainly or in one gzip stream.

A gzip stream can only be inflated from its start. So the first walk keeps the inflater's state now and then, about
40 kB each, and later reads go on from the nearest.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.packages.content import CHUNK_BYTES, SMALLER
from reconciler.packages.zip.archive_file import ArchiveFile

if TYPE_CHECKING:
    from zlib import _Decompress

GZIP_START: Final = b"\x1f\x8b"
_IN_GZIP: Final = 16 + zlib.MAX_WBITS
_READ_BYTES: Final = 1 << 13
"""So little that it does not inflate to many times what lies between two states."""
_MAX_STATES: Final = 64
_APART_BYTES: Final = 1 << 20


class _State(Struct, frozen=True):
    """An inflater that has read ``read`` bytes of the archive, and given ``at`` bytes of what is in it."""

    at: int
    read: int
    inflater: _Decompress


class States(Struct):
    """What later reads of one archive start from; ``most`` is how many bytes may come out of it."""

    most: int
    ratio: int
    ratio_floor: int
    _kept: list[_State] = field(default_factory=lambda: [_State(0, 0, zlib.decompressobj(_IN_GZIP))])

    @staticmethod
    def within(limits: Limits, most: int) -> States:
        return States(most, limits.ratio, limits.ratio_floor)

    def nearest(self, at: int) -> _State:
        return self._kept[bisect_right(self._kept, at, key=attrgetter("at")) - 1]

    def keep(self, at: int, read: int, inflater: _Decompress) -> None:
        """Remember a state, unless one near to it, or a later one, is there."""
        if at - self._kept[-1].at >= max(_APART_BYTES, self.most // _MAX_STATES):
            self._kept.append(_State(at, read, inflater.copy()))

    def check(self, archive: ArchiveFile, at: int) -> None:
        """``InputError`` where more came out than may."""
        if at > self.most:
            rule = f"unpacks to more than {self.most} bytes"
            raise archive.refuse(rule, advice=f"{SMALLER}, or raise policy.limits.unpacked")
        if at > max(self.ratio_floor, self.ratio * archive.size):
            rule = f"unpacks to more than {self.ratio} times its {archive.size} bytes"
            raise archive.refuse(rule, advice="pack it without compression if it is what it should be")


def pieces(archive: ArchiveFile, states: States, start: int) -> Iterator[bytes]:
    """All from the byte ``start`` of the tar archive on. ``InputError`` where it is damaged, or too large."""
    if archive.read(0, min(archive.size, len(GZIP_START))) != GZIP_START:
        states.check(archive, archive.size)
        yield from archive.chunks(start, archive.size - start)
        return
    state = states.nearest(start)
    at = state.at
    for chunk in _inflated(archive, states, state):
        if (skipped := start - at) < len(chunk):
            yield chunk[max(skipped, 0) :]
        at += len(chunk)


def _inflated(archive: ArchiveFile, states: States, state: _State) -> Iterator[bytes]:
    at, read, inflater = state.at, state.read, state.inflater.copy()
    while not inflater.eof:
        data = archive.read(read, min(_READ_BYTES, archive.size - read))
        if not data:
            raise archive.refuse("its gzip data is cut short")
        read += len(data)
        for chunk in _chunks(archive, inflater, data):
            at += len(chunk)
            states.check(archive, at)
            yield chunk
        states.keep(at, read, inflater)
    if inflater.unused_data or read != archive.size:
        raise archive.refuse("has data behind the end of its gzip stream")


def _chunks(archive: ArchiveFile, inflater: _Decompress, data: bytes) -> Iterator[bytes]:
    full = True
    while full and not inflater.eof:
        try:
            chunk = inflater.decompress(data, CHUNK_BYTES)
        except zlib.error as error:
            raise _broken(archive, error) from error
        data, full = inflater.unconsumed_tail, len(chunk) == CHUNK_BYTES
        yield chunk


def _broken(archive: ArchiveFile, error: zlib.error) -> InputError:
    return archive.refuse(f"its gzip data is broken ({error})")
