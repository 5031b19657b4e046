"""Generations on disk: each is a whole document, sealed and compressed, in a file of its own."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.documents.first_schema import generation_from
from reconciler.documents.sealed import DAMAGED, as_object, decode, seal, unseal
from reconciler.errors import InputError
from reconciler.fs import durable
from reconciler.fs.bounded import read_start
from reconciler.fs.presence import entries
from reconciler.model.digest import Digest
from reconciler.model.generation import GENERATION_SCHEMA, Generation, GenerationItem
from reconciler.model.home import Home
from reconciler.model.servers import ServerItem
from reconciler.model.source import has_later_kind

_SUFFIXES: Final = (".json.gz", ".json")
"""The second is of the first versions."""
_GZIP: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""The head of a gzip file (RFC 1952) without a name or a time. Its end has checksum and length, 4 bytes each."""
_END_BYTES: Final = 8
_MOST_BYTES: Final = 2**28
_EARLIER: Final = 2
"""The number of a generation that every version since can read."""


class _Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schema: int
    generation: int
    list_of: int
    applied_at: str
    command: str
    user: str = ""
    message: str = ""
    items: tuple[GenerationItem, ...]
    servers: tuple[ServerItem, ...] = ()


class _Tree(Struct, frozen=True):
    tree: Digest


class _Trees(Struct, frozen=True):
    items: tuple[_Tree, ...]


def generation_bytes(generation: Generation) -> bytes:
    """A generation as it is on disk."""
    document = _Document(
        schema=GENERATION_SCHEMA if _is_later(generation) else _EARLIER,
        generation=generation.number,
        list_of=generation.list_of,
        applied_at=generation.applied_at,
        command=generation.command,
        user=generation.user,
        message=generation.message,
        items=tuple(generation.items[key] for key in sorted(generation.items)),
        servers=tuple(generation.servers[key] for key in sorted(generation.servers)),
    )
    data = seal(document)
    # Half of a generation is digests: chance matches of a few digits in them cost more than the digits (45 to 51 KB).
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS, strategy=zlib.Z_FILTERED)
    return _GZIP + packer.compress(data) + packer.flush() + _end(data)


def _is_later(generation: Generation) -> bool:
    return bool(generation.servers) or has_later_kind(item.source for item in generation.items.values())


def stage_generation(home: Home, number: int, data: bytes) -> Path:
    """Write a generation under the name of a temporary, unsynced; its path. Raises ``OSError``."""
    durable.make_folders(home.generations)
    staged = durable.temporary_path(home.generation(number))
    staged.unlink(missing_ok=True)
    durable.write_new(staged, data, 0o644, sync=False)
    return staged


def generation_files(home: Home) -> dict[int, Path]:
    """Those that are kept, by number, the oldest first."""
    found = {}
    for path in entries(home.generations):
        number, dot, rest = path.name.partition(".")
        if number.isdecimal() and dot + rest in _SUFFIXES:
            found[int(number)] = path
    return dict(sorted(found.items()))


def generation_in(path: Path) -> Generation:
    """The generation of a file. ``FileNotFoundError``, ``OSError``, ``InputError``, and what ``decode`` raises."""
    schema, body = unseal(_opened(path), name=str(path), schema=GENERATION_SCHEMA)
    if schema == 1:
        return generation_from(as_object(body))
    found = decode(body, _Document)
    return Generation(
        number=found.generation,
        list_of=found.list_of,
        applied_at=found.applied_at,
        command=found.command,
        user=found.user,
        message=found.message,
        items={item.key: item for item in found.items},
        servers={server.key: server for server in found.servers},
    )


def trees_in(path: Path) -> set[Digest]:
    """The packages that a generation names. Raises as ``generation_in``."""
    _, body = unseal(_opened(path), name=str(path), schema=GENERATION_SCHEMA)
    return {item.tree for item in decode(body, _Trees).items}


def start_of(path: Path, most: int) -> bytes:
    """The first bytes of a generation, which say how it was made; nothing is checked. Raises ``OSError``."""
    data = read_start(path, most)
    if path.suffix != ".gz":
        return data
    try:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(data[len(_GZIP) :], most)
    except zlib.error:
        return b""


def _opened(path: Path) -> bytes:
    """The sealed document. Every byte counts: only bits that fill up a byte may be others than we would write."""
    data = read_start(path)
    if path.suffix != ".gz":
        return data
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        found = unpacker.decompress(data[len(_GZIP) :], _MOST_BYTES)
    except zlib.error as error:
        raise InputError.at(DAMAGED, file=path) from error
    if not unpacker.eof or data[: len(_GZIP)] != _GZIP or unpacker.unused_data != _end(found):
        raise InputError.at(DAMAGED, file=path)
    return found


def _end(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")
