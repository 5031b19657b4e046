"""Is the lock stale, and what would a fresh one say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.desired import DesiredItem, Source
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock, LockItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a source stands for now."""

    source: Source
    version: str
    tree: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The lock that fits, and in words what of the old one did not."""

    lock: Lock
    stale: tuple[str, ...]


def pin(items: Iterable[DesiredItem], lock: Lock, resolved: Mapping[ItemKey, Resolution]) -> Pinned:
    """Renew the entries that do not fit; an item that was not resolved keeps its entry.

    Superfluous entries go only when every item was resolved: a narrowed pass touches no other entry.
    """
    old = lock.by_key
    keys = sorted(item.key for item in items)
    entries: dict[ItemKey, LockItem] = {}
    stale: list[str] = []
    for key in keys:
        before, now = old.get(key), resolved.get(key)
        if now is None:
            entries |= {key: before} if before else {}
            continue
        entries[key] = LockItem(key=key, source=now.source, version=now.version, tree=now.tree)
        if before != entries[key]:
            stale.append(f"{key.id}: {_difference(before, entries[key])}")
    superfluous = sorted(old.keys() - set(keys))
    if len(resolved) < len(keys):
        entries |= {key: old[key] for key in superfluous}
    else:
        stale += [f"{key.id}: no longer in the desired state" for key in superfluous]
    return Pinned(lock=Lock(items=tuple(entries[key] for key in sorted(entries))), stale=tuple(stale))


def _difference(before: LockItem | None, now: LockItem) -> str:
    if before is None:
        return f"not locked yet (now {now.version})"
    if before.source != now.source:
        return f"the source changed from {before.source} to {now.source}"
    if before.version != now.version:
        return f"version {before.version} is now {now.version}"
    return f"the content of {now.source} changed (version {now.version} as before)"
