"""The journal of a change under way: all that recovery needs, and nothing else is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.ids import ItemKey
from reconciler.model.registry import RegistryEntry

JOURNAL_SCHEMA: Final = 1


class Move(Struct, frozen=True, kw_only=True):
    """One item's folder changes place. All paths are absolute.

    ``new_inode`` identifies the staged tree wherever it stands; ``None`` for a removal. ``old_inode`` is that of what
    stood at ``target``, and goes to ``backup``; both are ``None`` where nothing did. ``brought`` lists the paths that
    are no local files; ``None`` for a removal, where nothing is carried over.
    """

    key: ItemKey
    target: str
    new: str
    old: str
    new_inode: int | None
    old_inode: int | None
    backup: str | None
    brought: frozenset[str] | None = None

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "target": self.target,
            "new": self.new,
            "old": self.old,
            "new_inode": self.new_inode,
            "old_inode": self.old_inode,
            "backup": self.backup,
            "brought": None if self.brought is None else [*sorted(self.brought)],
        }

    @staticmethod
    def from_document(value: JsonObject) -> Move:
        brought = cast(list[str] | None, value["brought"])
        return Move(
            key=ItemKey.from_document(value),
            target=str(value["target"]),
            new=str(value["new"]),
            old=str(value["old"]),
            new_inode=cast(int | None, value["new_inode"]),
            old_inode=cast(int | None, value["old_inode"]),
            backup=cast(str | None, value["backup"]),
            brought=None if brought is None else frozenset(brought),
        )


Edits = Mapping[str, RegistryEntry | None]
"""Registry edits: id → the entry to set, or ``None`` to drop it."""


class Journal(Struct, frozen=True, kw_only=True):
    """A committed change, written before its first effect.

    ``rebuilt`` are the entries to start from when the registry's bytes cannot be read. ``record`` and
    ``generation_text`` are the documents to write, ``previous_record`` the one to go back to (``None``: none).
    """

    txn: str
    generation: int
    moves: tuple[Move, ...]
    edits: Edits
    before: Edits
    rebuilt: tuple[RegistryEntry, ...] | None
    record: str
    previous_record: str | None
    generation_text: str

    def to_document(self) -> JsonObject:
        return {
            "schema": JOURNAL_SCHEMA,
            "txn": self.txn,
            "generation": self.generation,
            "moves": [move.to_document() for move in self.moves],
            "edits": _edits_to_document(self.edits),
            "before": _edits_to_document(self.before),
            "rebuilt": None if self.rebuilt is None else [entry.to_document() for entry in self.rebuilt],
            "record": self.record,
            "previous_record": self.previous_record,
            "generation_text": self.generation_text,
        }

    @staticmethod
    def from_document(value: JsonObject) -> Journal:
        rebuilt = cast(list[JsonObject] | None, value["rebuilt"])
        return Journal(
            txn=str(value["txn"]),
            generation=cast(int, value["generation"]),
            moves=tuple(Move.from_document(move) for move in cast(list[JsonObject], value["moves"])),
            edits=_edits_from_document(cast(JsonObject, value["edits"])),
            before=_edits_from_document(cast(JsonObject, value["before"])),
            rebuilt=None if rebuilt is None else tuple(RegistryEntry.from_document(entry) for entry in rebuilt),
            record=str(value["record"]),
            previous_record=cast(str | None, value["previous_record"]),
            generation_text=str(value["generation_text"]),
        )


def _edits_to_document(edits: Edits) -> JsonObject:
    return {item_id: entry.to_document() if entry else None for item_id, entry in edits.items()}


def _edits_from_document(value: JsonObject) -> Edits:
    return {
        item_id: RegistryEntry.from_document(entry) if isinstance(entry, dict) else None
        for item_id, entry in value.items()
    }
