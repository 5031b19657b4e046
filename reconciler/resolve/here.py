"""What a desired item stands for where nobody need be asked: a local package, or one that the lock pins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconciler.errors import RefusedError
from reconciler.model.desired import DesiredItem, Limits
from reconciler.model.lock import LockItem
from reconciler.model.record import RecordItem
from reconciler.model.source import Source, SourceKind
from reconciler.packages.open_package import OpenPackage
from reconciler.resolve.cache import open_cached
from reconciler.resolve.resolved import (
    Resolved,
    absolute,
    check,
    open_resolved,
    open_source,
    recorded_as_resolved,
    resolved_as,
)
from reconciler.sources.context import SourceContext
from reconciler.sources.local import DRIVERS


def resolve(item: DesiredItem, reach: SourceContext, recorded: RecordItem | None, *, fits: bool = False) -> Resolved:
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
    item: DesiredItem, entry: LockItem, reach: SourceContext, recorded: RecordItem | None, *, fits: bool = False
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


def _check_is_missing(entry: LockItem, reach: SourceContext) -> None:
    path = reach.home.cached(entry.tree)
    if reach.offline and path.exists():
        message = f"{path} is damaged, or was changed: it is not the package that the lock pins"
        raise RefusedError(message, advice="run it without --offline: the package is fetched again")


def _fetched(item: DesiredItem, entry: LockItem, reach: SourceContext) -> OpenPackage:
    """The package once more, where the cache turns out to have lost it."""
    from reconciler.resolve.remotes import fetch_locked  # seldom needed, and costly to load

    return open_resolved(fetch_locked(item, entry, reach), reach.home, reach.limits)
