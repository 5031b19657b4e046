"""What a desired item's source stands for now, and its package when it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.errors import InputError, LlamagateError
from reconciler.model.desired import DesiredItem, Limits, Source, SourceKind, section_of
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.package import Manifest, Package
from reconciler.model.record import RecordItem
from reconciler.model.version import in_range
from reconciler.packages.content import Content
from reconciler.sources.table import DRIVERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A validated package and its bytes."""

    package: Package
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """``source`` has an absolute location; ``stamp`` was taken before anything was read from it.

    ``opened`` is there when the source had to be read; it need not be where the record knows the stamp.
    """

    key: ItemKey
    source: Source
    stamp: str
    manifest: Manifest
    tree: Digest
    name: str
    opened: Opened | None = field(default=None, repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell people of the package, where it was read."""
        return self.opened.package.warnings if self.opened else ()


def resolve(
    item: DesiredItem, *, base: Path, recorded: RecordItem | None, limits: Limits, fits: bool = False
) -> Resolved:
    """Find out what ``item`` stands for, reading its source only if the record does not know it as it is.

    ``fits``: what the record knows was found to be what the item says before.

    ``InputError`` where the source is missing, malformed, or not what the item says.
    """
    driver = DRIVERS[item.source.kind]
    location = base / item.source.location
    source = Source(item.source.kind, str(location))
    name = item.source.location
    stamp = driver.stamp(location)
    if recorded is not None and stamp and (recorded.source, recorded.source_stamp) == (source, stamp):
        resolved = recorded_as_resolved(recorded, name=name)
        if fits:
            return resolved
    else:
        resolved = replace(resolved_as(source, _open(source, limits, name), name=name, stamp=stamp), key=item.key)
    _check(item, resolved.manifest)
    return resolved


def resolve_package(path: Path, *, limits: Limits, name: str) -> Resolved:
    """What the package at ``path``, which a command names, stands for now."""
    kind = SourceKind.DIR if path.is_dir() else SourceKind.ZIP
    return resolved_as(Source(kind, str(path)), _open(Source(kind, str(path)), limits, name), name=name)


def resolved_as(source: Source, opened: Opened, *, name: str, stamp: str = "") -> Resolved:
    """An opened package, taken from ``source``. Without a ``stamp`` the source is read again next time."""
    manifest = opened.package.manifest
    return Resolved(
        key=ItemKey(manifest.kind, manifest.id),
        source=source,
        stamp=stamp,
        manifest=manifest,
        tree=opened.package.tree,
        name=name,
        opened=opened,
    )


def open_resolved(resolved: Resolved, home: Home, limits: Limits) -> Opened:
    """The package that ``resolved`` stands for: as it was read, from the cache, or from its source again."""
    if resolved.opened is not None:
        return resolved.opened
    cached = open_cached(resolved.tree, home, limits, name=resolved.name)
    if cached is not None:
        return cached
    opened = _open(resolved.source, limits, resolved.name)
    if opened.package.tree != resolved.tree:
        raise InputError(f"{resolved.name} changed while it was read; run the command again")
    return opened


def open_recorded(recorded: RecordItem, home: Home, limits: Limits) -> Opened:
    """The package that an installed item was made from: from the cache, or from its source if that is unchanged."""
    return open_resolved(recorded_as_resolved(recorded), home, limits)


def recorded_as_resolved(recorded: RecordItem, *, name: str = "") -> Resolved:
    """What an installed item was made from; messages call it ``name``, or by where it came from."""
    return Resolved(
        key=recorded.key,
        source=recorded.source,
        stamp=recorded.source_stamp,
        manifest=recorded.manifest,
        tree=recorded.tree,
        name=name or recorded.source.location,
    )


def open_cached(tree: Digest, home: Home, limits: Limits, *, name: str) -> Opened | None:
    """The cached package; ``None`` where there is none, or where its bytes are no longer those of its digest."""
    from reconciler.packages.manifest import read_package
    from reconciler.packages.packed import open_packed

    content = open_packed(home.cached(tree), tree, limits=limits, name=name)
    if content is None:
        return None
    try:
        return Opened(package=read_package(content, name=name), content=content)
    except LlamagateError:
        return None


def _open(source: Source, limits: Limits, name: str) -> Opened:
    from reconciler.packages.manifest import read_package  # only what differs from the record is read

    content = DRIVERS[source.kind].open(Path(source.location), limits=limits, name=name)
    return Opened(package=read_package(content, name=name), content=content)


def _check(item: DesiredItem, manifest: Manifest) -> None:
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
