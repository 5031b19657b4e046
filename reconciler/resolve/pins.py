"""Pins: which entries of the lock decide, which are stale, and what a fresh lock would say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.ignored import RULES
from reconciler.model.inputs import Input
from reconciler.model.lock import Lock, LockedServer, LockItem
from reconciler.model.tools import AcceptedTools
from reconciler.model.trust import LockedCatalog
from reconciler.model.version import in_range
from reconciler.resolve.differences import catalogs_changed, difference, tools_difference
from reconciler.resolve.resolved import Resolved
from reconciler.store.desired_file import DesiredFile
from reconciler.store.lock_file import LockFile, lock_bytes

NONE: Final[Mapping[ItemKey, AcceptedTools]] = MappingProxyType({})
Request = tuple[DesiredItem, LockItem | None]
"""An item to fetch, and the entry of the lock that says which package it is."""


class Partition(Struct, frozen=True, kw_only=True, dict=True):
    """The items of a file, by who says which package each is: its local source, the lock, or nobody yet.

    ``undecided`` has the reason with each item.
    """

    local: tuple[DesiredItem, ...] = ()
    locked: tuple[tuple[DesiredItem, LockItem], ...] = ()
    undecided: tuple[tuple[DesiredItem, str], ...] = ()

    def only(self, ids: Collection[str]) -> Partition:
        """The part of it that has these ids. What that takes grows with them, and not with all items."""
        places = sorted(place for one in set(ids) for place in self._places.get(one, ()))
        return Partition(
            local=tuple(self.local[at] for part, at in places if part == 0),
            locked=tuple(self.locked[at] for part, at in places if part == 1),
            undecided=tuple(self.undecided[at] for part, at in places if part == 2),
        )

    @cached_property
    def _places(self) -> Mapping[str, list[tuple[int, int]]]:
        """Where each id is: in which part, and at which index."""
        parts = (self.local, (item for item, _ in self.locked), (item for item, _ in self.undecided))
        places: dict[str, list[tuple[int, int]]] = {}
        for part, items in enumerate(parts):
            for at, item in enumerate(items):
                places.setdefault(item.key.id, []).append((part, at))
        return places

    def unlocked(self) -> Partition:
        """The part of it for which the lock does not decide."""
        return Partition(local=self.local, undecided=self.undecided)

    @property
    def items(self) -> tuple[DesiredItem, ...]:
        """All of them."""
        return (*self.local, *(item for item, _ in self.locked), *(item for item, _ in self.undecided))

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the lock does not decide, for each item for which it should."""
        return tuple(f"{item.key.id}: {reason}" for item, reason in self.undecided)


def partition(items: Iterable[DesiredItem], lock: Mapping[ItemKey, LockItem]) -> Partition:
    """Part the items, once a pass.

    An entry decides that is of the same source and still what the file says: a range that was widened around it
    changes nothing.
    """
    local, locked, undecided = [], [], []
    for item in items:
        entry = lock.get(item.key)
        if not item.source.is_pinned:
            local.append(item)
        elif entry is not None and not (reason := _mismatch(item, entry)):
            locked.append((item, entry))
        else:
            undecided.append((item, "not in the lock yet" if entry is None else reason))
    return Partition(local=tuple(local), locked=tuple(locked), undecided=tuple(undecided))


def _mismatch(item: DesiredItem, entry: LockItem) -> str:
    """Why the entry does not say which package the item is; empty where it does."""
    if entry.source != item.source:
        return f"the source changed from {entry.source} to {item.source}"
    if item.version is not None and not in_range(entry.version, item.version):
        return f"version {entry.version} is not in the range '{item.version}'"
    if not entry.says_where:
        return "the lock does not say where it is"
    if item.fetching.sha256 not in (None, entry.archive):
        return f"the file says that the archive is {item.fetching.sha256}, and the lock {entry.archive}"
    return ""


class Pins(Struct, frozen=True, kw_only=True):
    """The lock as it should be, what of the one on disk is stale in words, and the files that were read for it.

    ``data`` is the text that the lock should have; that of ``old`` where nothing is to be written. Then ``lock`` need
    not have the items that are settled.
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
        """The desired state, to be compared again, and the lock, which is written where its bytes differ."""
        path, count = self.old.path, len(self.stale)
        entries = f"{count} {'entry' if count == 1 else 'entries'} changed"
        said = f"wrote {path}: {entries}" if count else f"rewrote {path}: the same entries, in the usual form"
        said = f"wrote {path}" if self.old.data is None and not count else said
        return (
            Input(path=self.file.path, before=self.file.data, data=self.file.data),
            Input(path=path, before=self.old.data, data=self.data, said=said),
        )


def lock_of(file: DesiredFile, lock: LockFile) -> Mapping[ItemKey, LockItem]:
    """What the lock that goes with ``file`` holds of what it pins: of no other item does it decide anything."""
    pinned = [item.key for item in file.desired.items if item.source.is_pinned]
    return lock.entries(pinned) if pinned else {}


def entries_of(
    file: DesiredFile, found: Mapping[ItemKey, Resolved], *, locked: bool = False
) -> dict[ItemKey, LockItem]:
    """What the lock says of the items that were resolved. ``locked``: what older rules made of them stays."""
    items = [item for item in file.desired.items if item.key in found]
    entries = {item.key: found[item.key].locked_as(item.source) for item in items}
    if not locked:
        return entries
    return {key: replace(entry, tree=found[key].older_tree or entry.tree) for key, entry in entries.items()}


def pins_of(
    file: DesiredFile,
    old: LockFile,
    entries: Mapping[ItemKey, LockItem],
    catalogs: tuple[LockedCatalog, ...] = (),
    *,
    tools: Mapping[ItemKey, AcceptedTools] = NONE,
    settled: frozenset[ItemKey] = frozenset(),
) -> Pins:
    """The lock with these entries and signed ``catalogs``, beside the one on disk, which is right about ``settled``.

    ``tools`` are those that tool servers have now.
    """
    if settled:
        if not file.desired.servers and old.is_just(entries, settled):
            return Pins(lock=Lock(items=tuple(entries.values())), stale=(), data=old.data, file=file, old=old)
        entries = {**{key: entry for key, entry in old.lock.by_key.items() if key in settled}, **entries}
    fresh, _ = pin(file.desired.items, Lock(), entries)
    servers, changes = pinned_servers(file, old, tools)
    fresh = replace(fresh, catalogs=catalogs, servers=servers)
    if not changes and old.is_ours(fresh):
        return Pins(lock=fresh, stale=(), data=old.data, file=file, old=old)
    lock, stale = pin(file.desired.items, old.lock, entries)
    lock = replace(lock, catalogs=catalogs, servers=servers)
    stale = (*stale, *catalogs_changed(old.lock.catalogs, catalogs))
    stale = (*stale, *changes, *_superfluous_servers(file, old.lock))
    return Pins(lock=lock, stale=stale, data=lock_bytes(lock, like=old.data), file=file, old=old)


def pinned_servers(
    file: DesiredFile, old: LockFile, tools: Mapping[ItemKey, AcceptedTools]
) -> tuple[tuple[LockedServer, ...], tuple[str, ...]]:
    """What the lock says of the tool servers of a file, and in words what is new. What is not known stays as it is."""
    if not file.desired.servers:
        return (), ()
    servers: list[LockedServer] = []
    changes: list[str] = []
    for server in sorted(file.desired.servers, key=lambda one: one.key):
        before, now = old.lock.accepted(server.key), tools.get(server.key)
        accepted = before if now is None else now
        if accepted is not None:
            servers.append(LockedServer(key=server.key, tools=accepted))
        if accepted != before:
            changes.append(f"{server.key.id}: {tools_difference(before, accepted or {})}")
    return tuple(servers), tuple(changes)


def _superfluous_servers(file: DesiredFile, lock: Lock) -> list[str]:
    listed = {server.key for server in file.desired.servers}
    return [f"{server.key.id}: no longer in the desired state" for server in lock.servers if server.key not in listed]


def pin(items: Iterable[DesiredItem], lock: Lock, resolved: Mapping[ItemKey, LockItem]) -> tuple[Lock, tuple[str, ...]]:
    """The lock that fits, and in words what of the old one does not. An item that was not resolved keeps its entry.

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
        entries[key] = now = _with_known_bits(before, now)
        if before != now:
            stale.append(f"{key.id}: {difference(before, now)}")
    superfluous = sorted(old.keys() - set(keys))
    if len(resolved) < len(keys):
        entries |= {key: old[key] for key in superfluous}
    else:
        stale += [f"{key.id}: no longer in the desired state" for key in superfluous]
    keeps_rules = entries == old or any(entry == old.get(key) for key, entry in entries.items())
    rules = lock.rules if keeps_rules else RULES
    return Lock(items=tuple(entries[key] for key in sorted(entries)), rules=rules), tuple(stale)


def with_locked_bits(resolved: dict[ItemKey, Resolved], lock: Lock) -> dict[ItemKey, Resolved]:
    """``resolved``, where what came on a way that carries no modes has those that the lock has of the same package."""
    unknown = {key: found for key, found in resolved.items() if found.executables is None}
    if not unknown:
        return resolved
    entries = {key: entry for key, entry in lock.by_key.items() if key in unknown and entry.tree == unknown[key].tree}
    return resolved | {key: replace(unknown[key], executables=entry.executables) for key, entry in entries.items()}


def _with_known_bits(before: LockItem | None, now: LockItem) -> LockItem:
    """``now``, where the entry before says more of the same package; or that entry, where it only knows no bits."""
    if before is None or replace(before, executables=None) != replace(now, executables=None):
        return now
    if before.executables is None:
        return before
    return before if now.executables is None else now
