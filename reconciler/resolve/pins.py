"""Which entries of the lock decide, which are stale, and what a fresh lock would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.inputs import Input
from reconciler.model.lock import Lock, LockItem
from reconciler.model.version import in_range
from reconciler.resolve.resolved import Resolved
from reconciler.store.desired_file import DesiredFile, LockFile, lock_bytes, lock_path, read_lock


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The lock as it should be, what of the one on disk is stale in words, and the files that were read for it.

    ``data`` is the text that the lock should have; that of ``old`` where nothing is to be written.
    """

    lock: Lock
    stale: tuple[str, ...]
    data: bytes | None
    file: DesiredFile
    old: LockFile

    @property
    def changed(self) -> bool:
        """Whether the bytes of the lock on disk differ."""
        return self.data != self.old.data

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The desired state, to be looked at again, and the lock, which is written where its bytes differ."""
        path, count = self.old.path, len(self.stale)
        entries = f"{count} {'entry' if count == 1 else 'entries'} renewed"
        said = f"wrote {path}: {entries}" if count else f"rewrote {path}: the same entries, in the usual form"
        return (
            Input(path=self.file.path, before=self.file.data, data=self.file.data),
            Input(path=path, before=self.old.data, data=self.data, said=said),
        )


def lock_of(file: DesiredFile, old: LockFile | None = None) -> Mapping[ItemKey, LockItem]:
    """What the lock that goes with ``file`` holds, as far as it decides anything. It is read, unless ``old`` is it."""
    if not any(item.source.is_pinned for item in file.desired.items):
        return {}
    return (old or read_lock(lock_path(file.path))).lock.by_key


def entries_of(file: DesiredFile, found: Mapping[ItemKey, Resolved]) -> dict[ItemKey, LockItem]:
    """What the lock says of the items that were resolved."""
    items = [item for item in file.desired.items if item.key in found]
    return {item.key: found[item.key].locked_as(item.source) for item in items}


def pins_of(file: DesiredFile, old: LockFile, entries: Mapping[ItemKey, LockItem]) -> Pins:
    """The lock with these entries, beside the one on disk."""
    fresh = pin(file.desired.items, Lock(), entries).lock
    if old.is_ours(fresh):
        return Pins(lock=fresh, stale=(), data=old.data, file=file, old=old)
    pinned = pin(file.desired.items, old.lock, entries)
    return Pins(lock=pinned.lock, stale=pinned.stale, data=lock_bytes(pinned.lock), file=file, old=old)
