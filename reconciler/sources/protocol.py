"""What every remote can do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from reconciler.model.desired import DesiredItem
from reconciler.model.digest import Digest, tree_digest
from reconciler.model.lock import Pin
from reconciler.model.note import Note
from reconciler.model.offer import Offer
from reconciler.model.package import FileEntry
from reconciler.model.source import Source
from reconciler.packages.content import Content


class Delivery(Struct, frozen=True):
    """A package as it came. ``archive`` is the digest of the file that it came in, if it came in one, and ``size`` its
    length in bytes.

    ``left_out`` is what older rules took for content. ``pin`` is where exactly it is, where only the one who brought it
    knows that.
    """

    content: Content
    archive: Digest | None = None
    size: int | None = None
    left_out: tuple[FileEntry, ...] = ()
    pin: Pin | None = None

    @property
    def older_tree(self) -> Digest:
        """Its tree by the rules of the first versions."""
        return tree_digest({entry.path: entry.sha256 for entry in (*self.content.files, *self.left_out)})


class Remote(Protocol):
    """One web address, repository or catalog with packages that the lock pins. Several threads use it at once.

    All of it raises ``UnreachableError`` where the other side fails, ``InputError`` where it does not have what is
    asked of it, and ``RefusedError`` for what is not what it must be.
    """

    def offers(self, item: DesiredItem) -> tuple[Offer, ...]:
        """Every package that the item may be now."""

    def holds(self, offer: Offer) -> bool:
        """Whether it can be opened without asking the other side."""

    def confirm(self, item: DesiredItem, offer: Offer) -> tuple[Note, ...]:
        """``RefusedError`` where the remote has replaced what the lock pins; else what people should know of it."""

    def bring(self, offers: Sequence[Offer]) -> None:
        """Fetch together what can be fetched together, and is not held yet."""

    def signatures(self, item: DesiredItem, offer: Offer, tree: Digest) -> tuple[bytes, ...]:
        """Signatures that are published with the package of this ``tree``: foreign bytes, one text a file."""

    def open(self, source: Source, offer: Offer) -> AbstractContextManager[Delivery]:
        """The package's files, which can be read while the context lasts."""
