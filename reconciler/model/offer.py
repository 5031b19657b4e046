"""What a place has of an item: one package, before or after it was fetched."""

from __future__ import annotations

from msgspec import Struct

from reconciler.model.digest import Digest
from reconciler.model.ids import Kind
from reconciler.model.lock import LockItem, Pin


class Offer(Struct, frozen=True, kw_only=True):
    """``version`` is empty, and the others are ``None``, where that shows only when it is fetched. ``size`` in bytes.

    ``yanked`` says that its publisher took it back. ``is_locked``: the lock, and not the place, says that it is what
    ``pin`` leads to.
    """

    pin: Pin
    version: str = ""
    archive: Digest | None = None
    tree: Digest | None = None
    kind: Kind | None = None
    size: int | None = None
    yanked: bool = False
    is_locked: bool = False
    executables: frozenset[str] | None = None

    @staticmethod
    def of(entry: LockItem) -> Offer:
        """What the lock holds an item to."""
        pin = entry.pin or Pin()
        return Offer(
            pin=pin,
            version=entry.version,
            archive=entry.archive,
            tree=entry.tree,
            is_locked=True,
            executables=entry.executables,
        )
