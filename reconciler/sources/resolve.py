"""What a desired item stands for where nobody need be asked: a local package, or one that the lock pins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.errors import InputError, RefusedError
from reconciler.model.desired import DesiredItem, Limits, section_of
from reconciler.model.lock import LockItem
from reconciler.model.package import Manifest
from reconciler.model.record import RecordItem
from reconciler.model.source import Source, SourceKind
from reconciler.model.version import in_range
from reconciler.sources.cached import open_cached
from reconciler.sources.opened import Opened
from reconciler.sources.reach import Reach
from reconciler.sources.resolved import Resolved, open_resolved, open_source, recorded_as_resolved, resolved_as
from reconciler.sources.table import DRIVERS


def resolve(item: DesiredItem, reach: Reach, recorded: RecordItem | None, *, fits: bool = False) -> Resolved:
    """Find out what a local ``item`` stands for, reading its source only if the record does not know it as it is.

    ``fits``: what the record knows was found to be what the item says before.

    ``InputError`` where the source is missing, malformed, or not what the item says.
    """
    driver = DRIVERS[item.source.kind]
    location = reach.base / item.source.location
    source = Source(item.source.kind, str(location))
    name = item.source.location
    stamp = driver.stamp(location)
    if recorded is not None and stamp and (recorded.source, recorded.source_stamp) == (source, stamp):
        resolved = recorded_as_resolved(recorded, name=name)
        if fits:
            return resolved
    else:
        opened = open_source(source, reach.limits, name)
        resolved = replace(resolved_as(source, opened, name=name, stamp=stamp), key=item.key)
    check(item, resolved.manifest)
    return resolved


def resolve_package(path: Path, *, limits: Limits, name: str) -> Resolved:
    """What the package at ``path``, which a command names, stands for now."""
    source = Source(SourceKind.DIR if path.is_dir() else SourceKind.ZIP, str(path))
    return resolved_as(source, open_source(source, limits, name), name=name)


def resolve_locked(
    item: DesiredItem, entry: LockItem, reach: Reach, recorded: RecordItem | None, *, fits: bool = False
) -> Resolved | None:
    """What the lock says that ``item`` is, if it was installed or fetched before; ``None`` where it must be fetched.

    ``RefusedError`` where the cache was tampered with and nobody may be asked for the package again.
    """
    name = str(item.source)
    if recorded is not None and recorded.tree == entry.tree:
        resolved = recorded_as_resolved(recorded, name=name)
    else:
        opened = open_cached(entry.tree, reach.home, reach.limits, name=name)
        if opened is None:
            _check_is_missing(entry, reach)
            return None
        resolved = resolved_as(item.source, opened, name=name)
    if not (fits and resolved.opened is None):
        check(item, resolved.manifest)
    return replace(
        resolved,
        key=item.key,
        source=absolute(item.source, reach),
        stamp="",
        pin=entry.pin,
        archive=entry.archive,
        reopen=lambda _: _fetched(item, entry, reach),
    )


def absolute(source: Source, reach: Reach) -> Source:
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


def _check_is_missing(entry: LockItem, reach: Reach) -> None:
    path = reach.home.cached(entry.tree)
    if reach.offline and path.exists():
        message = f"{path} is damaged, or was changed: it is not the package that the lock pins"
        raise RefusedError(message, advice="run it without --offline: the package is fetched again")


def _fetched(item: DesiredItem, entry: LockItem, reach: Reach) -> Opened:
    """The package once more, where the cache turns out to have lost it."""
    from reconciler.sources.remote import fetch_locked  # seldom needed, and costly to load

    return open_resolved(fetch_locked(item, entry, reach), reach.home, reach.limits)
