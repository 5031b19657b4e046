"""The pieces of a record. Each is named by the digest of its bytes and never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from msgspec import Struct

from reconciler.documents.sealed import DAMAGED, encode
from reconciler.errors import InputError
from reconciler.fs import durable, tree
from reconciler.fs.bounded import read_start
from reconciler.model.home import Home

T = TypeVar("T")

_SUFFIX: Final = ".json"


class _Read(Struct, frozen=True):
    """A piece as it was read."""

    stamp: tree.Stamp
    data: bytes
    value: Any


class Pieces:
    """Those of one record. A watcher reads it again and again, and only a few pieces are others each time.

    What was read last is kept as decoded, by the stamp of its file: a piece never changes, but it may be damaged.
    """

    _last: ClassVar[Mapping[Path, _Read]] = {}

    def __init__(self, home: Home) -> None:
        self._home = home
        self._found: dict[Path, _Read] = {}

    def read(self, name: str, decoded: Callable[[bytes], T]) -> T:
        """What ``decoded`` makes of one. Errors as for ``read_piece``, and what ``decoded`` raises."""
        path = self._home.pieces / f"{name}{_SUFFIX}"
        stamp = tree.stamp_of(path.stat())
        known = self._last.get(path)
        if known is None or known.stamp != stamp:
            data = read_piece(self._home, name)
            known = _Read(stamp, data, decoded(data))
        self._found[path] = known
        value: T = known.value
        return value

    def keep(self) -> None:
        """All of them were read."""
        Pieces._last = self._found

    @classmethod
    def kept(cls) -> Mapping[tuple[int, ...], tuple[str, bytes]]:
        """Those that were read last, name and bytes, by the identity of what is in them, which nothing changes."""
        return {identity(one.value): (path.stem, one.data) for path, one in cls._last.items()}


def read_piece(home: Home, name: str) -> bytes:
    """``OSError``; ``InputError`` where its bytes are not those that it is named by."""
    path = home.pieces / f"{name}{_SUFFIX}"
    data = read_start(path)
    if _name(data) != name:
        raise InputError.at(DAMAGED, file=path)
    return data


def _name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def encoded(value: object) -> tuple[str, bytes]:
    """The name of a piece, and its bytes."""
    data = encode(value)
    return _name(data), data


def identity(value: object) -> tuple[int, ...]:
    """The same for what holds the very same objects."""
    return tuple(map(id, value)) if isinstance(value, list) else (id(value),)


def write_pieces(home: Home, pieces: Mapping[str, bytes], known: Collection[str]) -> list[Path]:
    """Write those that are not ``known`` to be there; their paths, which are not synced. Raises ``OSError``.

    A crash may have left a part of one: it is written again.
    """
    new = [(home.pieces / f"{name}{_SUFFIX}", data) for name, data in pieces.items() if name not in known]
    if new:
        durable.make_folders(home.pieces)
    for path, data in new:
        path.unlink(missing_ok=True)
        durable.write_new(path, data, 0o644, sync=False)
    return [path for path, _ in new]
