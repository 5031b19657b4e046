"""What an item stands for, and its package when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.errors import InputError
from reconciler.model.desired import DesiredItem, Limits, section_of
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.lock import LockItem, Pin
from reconciler.model.package import Manifest
from reconciler.model.record import RecordItem
from reconciler.model.source import Source
from reconciler.model.version import in_range
from reconciler.packages.open_package import OpenPackage
from reconciler.resolve.cache import open_cached
from reconciler.sources.context import SourceContext
from reconciler.sources.local import DRIVERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """``source`` has an absolute location; ``stamp`` was taken before anything was read from it.

    ``opened`` is there when the package had to be read; it need not be where the record knows what it is. ``reopen``
    reads it once more. ``pin`` and ``archive`` are as in the lock. ``notes`` are what to tell people of it.
    """

    key: ItemKey
    source: Source
    stamp: str
    manifest: Manifest
    tree: Digest
    name: str
    reopen: Callable[[Limits], OpenPackage] = field(repr=False)
    opened: OpenPackage | None = field(default=None, repr=False)
    pin: Pin | None = None
    archive: Digest | None = None
    notes: tuple[str, ...] = ()

    def locked_as(self, source: Source) -> LockItem:
        """The lock's entry, with the source as the file writes it."""
        version = self.manifest.version
        return LockItem(
            key=self.key, source=source, version=version, tree=self.tree, pin=self.pin, archive=self.archive
        )


def open_source(source: Source, limits: Limits, name: str) -> OpenPackage:
    """Read the package at a source that is read as it is now."""
    from reconciler.packages.manifest import read_package  # only what differs from the record is read

    content = DRIVERS[source.kind].open(Path(source.location), limits=limits, name=name)
    return OpenPackage(package=read_package(content, name=name), content=content)


def resolved_as(source: Source, opened: OpenPackage, *, name: str, stamp: str = "") -> Resolved:
    """An opened package, taken from ``source``. Without a ``stamp`` the source is read again next time."""
    manifest = opened.package.manifest
    return Resolved(
        key=ItemKey(manifest.kind, manifest.id),
        source=source,
        stamp=stamp,
        manifest=manifest,
        tree=opened.package.tree,
        name=name,
        reopen=lambda limits: open_source(source, limits, name),
        opened=opened,
        notes=opened.package.warnings,
    )


def recorded_as_resolved(recorded: RecordItem, *, name: str = "") -> Resolved:
    """What an installed item was made from; messages call it ``name``, or by where it came from."""
    source, name = recorded.source, name or str(recorded.source)
    return Resolved(
        key=recorded.key,
        source=source,
        stamp=recorded.source_stamp,
        manifest=recorded.manifest,
        tree=recorded.tree,
        name=name,
        reopen=lambda limits: _open_unpinned(source, limits, name),
    )


def open_resolved(resolved: Resolved, home: Home, limits: Limits) -> OpenPackage:
    """The package that ``resolved`` stands for: as it was read, from the cache, or from its source again."""
    if resolved.opened is not None:
        return resolved.opened
    cached = open_cached(resolved.tree, home, limits, name=resolved.name)
    if cached is not None:
        return cached
    opened = resolved.reopen(limits)
    if opened.package.tree != resolved.tree:
        raise InputError(f"{resolved.name} changed while it was read; run the command again")
    return opened


def open_recorded(recorded: RecordItem, home: Home, limits: Limits) -> OpenPackage:
    """The package that an installed item was made from: from the cache, or from its source if that is unchanged."""
    return open_resolved(recorded_as_resolved(recorded), home, limits)


def _open_unpinned(source: Source, limits: Limits, name: str) -> OpenPackage:
    if source.is_pinned:
        raise InputError(f"the package from {name} is not in the cache any more", advice="'llamagate apply' fetches it")
    return open_source(source, limits, name)


def absolute(source: Source, reach: SourceContext) -> Source:
    """``source`` as it means the same wherever it is written."""
    return replace(source, location=reach.location(source))


def check(item: DesiredItem, manifest: Manifest) -> None:
    """``InputError`` where a package is not what the item says."""
    if manifest.kind is not item.key.kind:
        raise InputError(
            f"{item.source} holds the {manifest.kind} '{manifest.id}', but is listed under "
            f"'{section_of(item.key.kind)}'; move it to '{section_of(manifest.kind)}'"
        )
    if manifest.id != item.key.id:
        raise InputError(
            f"the key is '{item.key.id}', but the package in {item.source} has the id '{manifest.id}'; "
            f"write '{manifest.id}'"
        )
    if item.version is not None and not in_range(manifest.version, item.version):
        raise InputError(f"{item.source} holds version {manifest.version}, which is not in the range '{item.version}'")
