"""Which package an item is: a pure value. The package store opens it."""

from __future__ import annotations

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, WrongKindError
from reconciler.model.desired import DesiredItem, section_of
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem, Pin
from reconciler.model.note import Note
from reconciler.model.package import Manifest, Package
from reconciler.model.record import RecordItem
from reconciler.model.source import Source
from reconciler.model.trust import Signed
from reconciler.model.version import in_range


class Resolved(Struct, frozen=True, kw_only=True):
    """``source`` has an absolute location; ``stamp`` was taken before anything was read from it.

    ``name`` is how messages call the package. ``pin`` and ``archive`` are as in the lock; ``notes`` are warnings.
    """

    key: ItemKey
    source: Source
    stamp: str
    manifest: Manifest
    tree: Digest
    name: str
    pin: Pin | None = None
    archive: Digest | None = None
    notes: tuple[Note, ...] = ()
    executables: frozenset[str] | None = None
    signatures: tuple[bytes, ...] = ()
    """What came with it, where it was fetched just now and signatures are looked at."""
    signed: tuple[Signed, ...] = ()
    """The signatures that count."""
    older_tree: Digest | None = None
    """What the lock says of the same content, where older rules made that."""

    def locked_as(self, source: Source) -> LockItem:
        """The lock's entry, with the source as the file writes it."""
        version = self.manifest.version
        return LockItem(
            key=self.key,
            source=source,
            version=version,
            tree=self.tree,
            pin=self.pin,
            archive=self.archive,
            executables=self.executables,
        )


def package_as_resolved(
    package: Package, source: Source, *, name: str, key: ItemKey | None = None, stamp: str = ""
) -> Resolved:
    """A package that was read from ``source``. Without a ``stamp`` it is read again next time."""
    manifest = package.manifest
    return Resolved(
        key=key or ItemKey(manifest.kind, manifest.id),
        source=source,
        stamp=stamp,
        manifest=manifest,
        tree=package.tree,
        name=name,
        notes=package.warnings,
        executables=package.executables,
    )


def recorded_as_resolved(recorded: RecordItem, *, name: str = "") -> Resolved:
    """What an installed item was made from; messages call it ``name``, or by where it came from."""
    return Resolved(
        key=recorded.key,
        source=recorded.source,
        stamp=recorded.source_stamp,
        manifest=recorded.manifest,
        tree=recorded.tree,
        name=name or str(recorded.source),
        executables=recorded.executables,
    )


def check(item: DesiredItem, manifest: Manifest) -> None:
    """``InputError`` where a package is not what the item says."""
    if manifest.kind is not item.key.kind:
        raise WrongKindError(
            f"{item.source} holds the {manifest.kind} '{manifest.id}', but is listed under "
            f"'{section_of(item.key.kind)}'; move it to '{section_of(manifest.kind)}'"
        )
    if manifest.id != item.key.id:
        raise InputError(
            f"the key is '{item.key.id}', but the package in {item.source} has the id '{manifest.id}'; "
            f"write '{manifest.id}'",
            code=ErrorCode.WRONG_PACKAGE,
        )
    if item.version is not None and not in_range(manifest.version, item.version):
        raise InputError(
            f"{item.source} holds version {manifest.version}, which is not in the range '{item.version}'",
            code=ErrorCode.NO_VERSION,
        )
