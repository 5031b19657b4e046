"""The record on disk: a sealed head, and the pieces that it names.

A piece holds some items, or one remembered document. It is named by the digest of its bytes and never changes: what a
head names stays as it is until no head names it. So the head alone says what is recorded, and replacing it is one step.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from reconciler import __version__
from reconciler.documents.first_schema import record_from
from reconciler.documents.pieces import Pieces, encoded, identity, read_piece, write_pieces
from reconciler.documents.sealed import NOT_OURS, as_object, decode, seal, unseal
from reconciler.errors import InputError
from reconciler.fs import durable, sync, tree
from reconciler.fs.bounded import read_start
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.record import RECORD_SCHEMA, ConfirmBy, Hold, Record, RecordItem, Routes, Suspension
from reconciler.model.regex import regex
from reconciler.model.servers import RecordedServer
from reconciler.model.source import has_later_kind

_ITEMS_PER_PIECE: Final = 32
"""About as many. A change of one item writes its piece, and a reader opens all of them."""
_ATTEMPTS: Final = 100
_EARLIER: Final = 2
"""The number of a record that every version since can read and keep."""
_NUMBER: Final = regex(r'\{"digest":"[^"]*","body":\{"schema":([0-9]{1,9})\b')


class _Head(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``documents`` and ``items`` name pieces. ``documents_by`` is the version that accepted the documents."""

    schema: int
    generation: int
    told_generation: int
    hold: Hold | None
    suspensions: tuple[Suspension, ...]
    owners: Mapping[str, str]
    routes: Routes
    confirm_by: ConfirmBy | None = None
    documents_by: str
    documents: Mapping[Digest, str]
    items: tuple[str, ...]
    servers: tuple[RecordedServer, ...] = ()
    restarts: Mapping[str, str] = {}


class RecordFiles(NamedTuple):
    """A record as bytes: its head, and its pieces by name."""

    head: bytes
    pieces: Mapping[str, bytes]


class _Tree(Struct, frozen=True):
    tree: Digest


def record_files(record: Record) -> RecordFiles:
    """What to write for ``record``. A piece of what was read last, and is the same, is not encoded again."""
    kept = Pieces.kept()
    items = [kept.get(identity(items)) or encoded(items) for items in _shared_out(record.items)]
    found = ((digest, record.documents[digest]) for digest in sorted(record.documents))
    documents = {digest: kept.get(identity(document)) or encoded(document) for digest, document in found}
    head = _Head(
        schema=RECORD_SCHEMA if _is_later(record) else _EARLIER,
        generation=record.generation,
        told_generation=record.told_generation,
        hold=record.hold,
        suspensions=record.suspensions,
        owners=record.owners,
        routes=record.routes,
        confirm_by=record.confirm_by,
        documents_by=__version__,
        documents={digest: name for digest, (name, _) in documents.items()},
        items=tuple(name for name, _ in items),
        servers=tuple(record.servers[key] for key in sorted(record.servers)),
        restarts=record.restarts,
    )
    return RecordFiles(seal(head), dict([*items, *documents.values()]))


def _is_later(record: Record) -> bool:
    return bool(record.servers) or has_later_kind(item.source for item in record.items.values())


def number_of(head: str) -> int:
    """The number of a record, by the first bytes of its head; 0 where it has none. Nothing is checked."""
    match = _NUMBER.match(head)
    return int(match[1]) if match else 0


def read_record_files(home: Home) -> tuple[Record, bytes]:
    """The record, and its head as bytes. ``FileNotFoundError`` where there is none, ``OSError``, ``InputError``,
    and what ``decode`` raises.

    A writer may replace the head and remove pieces meanwhile: then the new one is read.
    """
    found = read_start(home.record)
    for _ in range(_ATTEMPTS):
        try:
            return _record(home, found), found
        except FileNotFoundError as error:
            before, found = found, read_start(home.record)
            if found == before:
                raise InputError.at("it is damaged: a part of it is not there", file=error.filename) from error
    raise InputError.at("it changes all the time", file=home.record)


def recorded_trees(home: Home) -> set[Digest]:
    """The packages that the record names; nothing where there is none. Raises as ``read_record_files``."""
    try:
        data = read_start(home.record)
    except FileNotFoundError:
        return set()
    schema, body = unseal(data, name=str(home.record), schema=RECORD_SCHEMA)
    if schema == 1:
        return {item.tree for item in record_from(as_object(body)).items.values()}
    pieces = (decode(read_piece(home, name), list[_Tree]) for name in decode(body, _Head).items)
    return {item.tree for items in pieces for item in items}


def names_in(head: bytes | None, name: str) -> frozenset[str]:
    """The pieces that a head names; an older one names none. ``InputError``, and what ``decode`` raises."""
    if head is None:
        return frozenset()
    schema, body = unseal(head, name=name, schema=RECORD_SCHEMA)
    if schema == 1:
        return frozenset()
    found = decode(body, _Head)
    return frozenset((*found.items, *found.documents.values()))


def write_record_files(home: Home, files: RecordFiles) -> None:
    """Replace the record, for good; the pieces that nothing names then stay. Raises ``OSError``."""
    sync.sync_files(write_pieces(home, files.pieces, _named(home) or frozenset()))
    durable.write_file(home.record, files.head, mode=durable.mode_of(home.record))


def drop_unnamed_pieces(home: Home) -> None:
    """Remove what the record does not name; nothing where that cannot be told. Raises ``OSError``.

    The caller holds the home's mutex, and no journal is there, which names pieces too.
    """
    try:
        there = sorted(home.pieces.iterdir())
    except FileNotFoundError:
        return
    named = _named(home)
    if named is None:
        return
    for path in there:
        if path.stem not in named:
            tree.remove_tree(path)


def _named(home: Home) -> frozenset[str] | None:
    """What the head on disk names; ``None`` where that is none of ours. Raises ``OSError``."""
    try:
        return names_in(_bytes(home.record), str(home.record))
    except (InputError, *NOT_OURS):
        return None
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EISDIR):  # a pipe, a folder: who reads the record says so
            return None
        raise


def _shared_out(items: Mapping[ItemKey, RecordItem]) -> Iterable[list[RecordItem]]:
    """The items in groups: each one's place follows from its key, so that others stay where they are."""
    groups = 1
    while groups * _ITEMS_PER_PIECE < len(items):
        groups *= 2
    found: dict[int, list[RecordItem]] = {}
    for key in sorted(items):
        found.setdefault(zlib.crc32(key.id.encode()) % groups, []).append(items[key])
    return (found[group] for group in sorted(found))


def _record(home: Home, data: bytes) -> Record:
    schema, body = unseal(data, name=str(home.record), schema=RECORD_SCHEMA)
    if schema == 1:
        return record_from(as_object(body))
    head = decode(body, _Head)
    pieces = Pieces(home)
    items = [item for name in head.items for item in pieces.read(name, _items)]
    documents = _documents(pieces, head)
    pieces.keep()
    return Record(
        generation=head.generation,
        told_generation=head.told_generation,
        hold=head.hold,
        suspensions=head.suspensions,
        owners=head.owners,
        documents=documents,
        items={item.key: item for item in items},
        servers={server.key: server for server in head.servers},
        routes=head.routes,
        confirm_by=head.confirm_by,
        restarts=head.restarts,
    )


def _documents(pieces: Pieces, head: _Head) -> Mapping[Digest, JsonObject]:
    """What another version has accepted does not count: this one knows other keys."""
    if head.documents_by != __version__:
        return {}
    return {digest: pieces.read(name, as_object) for digest, name in head.documents.items()}


def _items(data: bytes) -> list[RecordItem]:
    return decode(data, list[RecordItem])


def _bytes(path: Path) -> bytes | None:
    try:
        return read_start(path)
    except FileNotFoundError:
        return None
