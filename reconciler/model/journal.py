"""The journal of a change under way: all that recovery needs, and nothing else is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from reconciler.model.ids import ItemKey
from reconciler.model.registry import RegistryEntry
from reconciler.model.servers import ServerChange

JOURNAL_SCHEMA: Final = 3
"""The newest; one that changes no tool server, and whose records have the number 2, is written with 2, as ever."""


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


Edits = Mapping[str, RegistryEntry | None]
"""Registry edits: id → the entry to set, or ``None`` to drop it."""


class Journal(Struct, frozen=True, kw_only=True):
    """A committed change, written before its first effect.

    ``rebuilt`` are the entries to start from when the registry's bytes cannot be read. ``record`` is the head of the
    record to write, ``previous_record`` the one to go back to (``None``: none); the pieces of both are there. The
    generation is there too, under the name of a temporary; a version that did not do so has its ``generation_text``.
    """

    txn: str
    generation: int
    moves: tuple[Move, ...]
    edits: Edits
    before: Edits
    rebuilt: tuple[RegistryEntry, ...] | None
    record: str
    previous_record: str | None
    generation_text: str | None = None
    servers: ServerChange | UnsetType = UNSET
    """What becomes of the gateway's file."""
