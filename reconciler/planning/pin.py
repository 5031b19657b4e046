"""Which entries of the lock decide, which are stale, and what a fresh lock would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock, LockItem
from reconciler.model.version import in_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The lock that fits, and in words what of the old one did not."""

    lock: Lock
    stale: tuple[str, ...]


def deciding(item: DesiredItem, lock: Mapping[ItemKey, LockItem]) -> LockItem | None:
    """The entry that says which package ``item`` is, without asking its source.

    It must be of the same source and still be what the file says: a range that was widened around it changes nothing.
    """
    entry = lock.get(item.key)
    if entry is None or not entry.says_where or entry.source != item.source:
        return None
    fits = item.version is None or in_range(entry.version, item.version)
    return entry if fits and item.fetching.sha256 in (None, entry.archive) else None


def undecided(items: Iterable[DesiredItem], lock: Mapping[ItemKey, LockItem]) -> tuple[str, ...]:
    """The items of pinned sources for which the lock does not decide, each with the reason."""
    return tuple(
        f"{item.key.id}: {_reason(item, lock.get(item.key))}"
        for item in items
        if item.source.is_pinned and deciding(item, lock) is None
    )


def _reason(item: DesiredItem, entry: LockItem | None) -> str:
    if entry is None:
        return "not locked yet"
    if entry.source != item.source:
        return f"the source changed from {entry.source} to {item.source}"
    if item.version is not None and not in_range(entry.version, item.version):
        return f"version {entry.version} is not in the range '{item.version}'"
    if not entry.says_where:
        return "the lock does not say where it is"
    return f"the file says that the archive is {item.fetching.sha256}, and the lock {entry.archive}"


def pin(items: Iterable[DesiredItem], lock: Lock, resolved: Mapping[ItemKey, LockItem]) -> Pinned:
    """Renew the entries that differ from what was ``resolved``; an item that was not keeps its entry.

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
        entries[key] = now
        if before != now:
            stale.append(f"{key.id}: {_difference(before, now)}")
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
    if before.tree != now.tree:
        return f"the content of {now.source} changed (version {now.version} as before)"
    return f"where {now.source} has version {now.version} changed, and not its content"
