"""Pins: which entries of the lock decide, which are stale, and what a fresh lock would say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import RefusedError
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.ignored import RULES
from reconciler.model.inputs import Input
from reconciler.model.lock import Lock, LockedServer, LockItem
from reconciler.model.tools import AcceptedTools
from reconciler.model.trust import LockedCatalog, signer_change
from reconciler.model.version import in_range, is_older
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
        """The desired state, to be compared again, and the lock, which is written where its bytes differ."""
        path, count = self.old.path, len(self.stale)
        entries = f"{count} {'entry' if count == 1 else 'entries'} changed"
        said = f"wrote {path}: {entries}" if count else f"rewrote {path}: the same entries, in the usual form"
        said = f"wrote {path}" if self.old.data is None and not count else said
        return (
            Input(path=self.file.path, before=self.file.data, data=self.file.data),
            Input(path=path, before=self.old.data, data=self.data, said=said),
        )


def gone_down(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem]
) -> dict[ItemKey, RefusedError]:
    """The pins that would move to an older version, though neither the file's source nor its range asks for that."""
    before = old.by_key
    errors: dict[ItemKey, RefusedError] = {}
    for item in items:
        entry, now = before.get(item.key), entries.get(item.key)
        if entry is None or now is None or entry.source != item.source:
            continue
        is_asked = item.version is not None and not in_range(entry.version, item.version)
        if not is_asked and is_older(now.version, entry.version):
            message = f"{item.source} now has version {now.version} of {item.key.id}, and the lock pins {entry.version}"
            advice = f"find out why; 'llamagate lock --upgrade --allow-downgrade {item.key.id}' takes it"
            errors[item.key] = RefusedError(message, advice=advice, code=ErrorCode.OLDER_THAN_PIN)
    return errors


def signers_changed(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem], fresh: Collection[ItemKey]
) -> dict[ItemKey, RefusedError]:
    """The pins that would move to what somebody else signed, or nobody, or the same person with another key.

    ``fresh`` have new signatures, whether they move or not.
    """
    before = old.by_key
    errors: dict[ItemKey, RefusedError] = {}
    for item in items:
        entry, now = before.get(item.key), entries.get(item.key)
        if entry is None or now is None or entry.source != item.source:
            continue
        if item.key not in fresh and (entry.version, entry.tree) == (now.version, now.tree):
            continue
        if what := signer_change([one.signer for one in entry.signed], [one.signer for one in now.signed]):
            advice = f"ask them; 'llamagate lock --upgrade --accept-signer-change {item.key.id}' takes it"
            errors[item.key] = RefusedError(what, advice=advice, code=ErrorCode.SIGNER_CHANGED)
    return errors


def republished(
    items: Iterable[DesiredItem], old: Lock, entries: Mapping[ItemKey, LockItem]
) -> dict[ItemKey, RefusedError]:
    """The pins that would keep their version and get other content: who signs publishes a version once."""
    before = old.by_key
    errors: dict[ItemKey, RefusedError] = {}
    for item in items:
        entry, now = before.get(item.key), entries.get(item.key)
        if entry is None or now is None or entry.source != item.source or not (entry.signed and item.source.is_pinned):
            continue
        if entry.version == now.version and entry.tree != now.tree:
            message = f"{item.source} has other content as version {now.version} of {item.key.id} than the lock pins"
            advice = "find out who changed it; its publisher gives changed content a new version"
            errors[item.key] = RefusedError(message, advice=advice, code=ErrorCode.REPUBLISHED)
    return errors


def lock_of(file: DesiredFile, lock: LockFile) -> Mapping[ItemKey, LockItem]:
    """What the lock that goes with ``file`` holds, as far as it decides anything; else it need not be decoded."""
    return lock.lock.by_key if any(item.source.is_pinned for item in file.desired.items) else {}


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
) -> Pins:
    """The lock with these entries and signed ``catalogs``, beside the one on disk.

    ``tools`` are those that tool servers have now.
    """
    fresh, _ = pin(file.desired.items, Lock(), entries)
    servers, changes = pinned_servers(file, old, tools)
    fresh = replace(fresh, catalogs=catalogs, servers=servers)
    if not changes and old.is_ours(fresh):
        return Pins(lock=fresh, stale=(), data=old.data, file=file, old=old)
    lock, stale = pin(file.desired.items, old.lock, entries)
    lock = replace(lock, catalogs=catalogs, servers=servers)
    stale = (*stale, *_catalogs_changed(old.lock.catalogs, catalogs))
    stale = (*stale, *changes, *_superfluous_servers(file, old.lock))
    return Pins(lock=lock, stale=stale, data=lock_bytes(lock, like=old.data), file=file, old=old)


def _catalogs_changed(before: Iterable[LockedCatalog], now: Iterable[LockedCatalog]) -> Iterator[str]:
    known = {one.source: one for one in before}
    for one in now:
        was = known.pop(one.source, None)
        if was is not None and was.signed and not one.signed:
            yield f"{one.source}: its index was signed, and is not signed now"
        elif was != one:
            yield f"{one.source}: its index has the serial {one.serial}" + (f", and had {was.serial}" if was else "")
    for source in known:
        yield f"{source}: its index is no longer looked at"


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
            changes.append(f"{server.key.id}: {_tools_difference(before, accepted or {})}")
    return tuple(servers), tuple(changes)


def _superfluous_servers(file: DesiredFile, lock: Lock) -> list[str]:
    listed = {server.key for server in file.desired.servers}
    return [f"{server.key.id}: no longer in the desired state" for server in lock.servers if server.key not in listed]


def _tools_difference(before: AcceptedTools | None, now: AcceptedTools) -> str:
    if before is None:
        return f"its {len(now)} tools are not in the lock yet" if len(now) != 1 else "its tool is not in the lock yet"
    parts = {
        "changed": [name for name in before if name in now and before[name] != now[name]],
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
    }
    return "tools " + "; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in parts.items() if names)


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
            stale.append(f"{key.id}: {_difference(before, now)}")
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


def _signers(entry: LockItem) -> str:
    names = " and ".join(dict.fromkeys(one.by for one in entry.signed))
    return f"signed by {names}" if names else "not signed"


def _signed_otherwise(before: LockItem, now: LockItem) -> str:
    was, known = _signers(before), _signers(now)
    if was != known:
        return f"{was} is now {known}"
    if {one.key for one in before.signed} != {one.key for one in now.signed}:
        return f"{was}, with other keys than before"
    if {one.signature for one in before.signed} != {one.signature for one in now.signed}:
        return f"{was}, with other signatures than before"
    return f"{was}, at a time that is in the future; it is pinned as of now"


def _difference(before: LockItem | None, now: LockItem) -> str:
    if before is None:
        return f"not in the lock yet (now {now.version})"
    if before.source != now.source:
        return f"the source changed from {before.source} to {now.source}"
    if before.version != now.version:
        return f"version {before.version} is now {now.version}"
    if before.tree != now.tree:
        return f"the content of {now.source} changed (version {now.version} as before)"
    if before.executables != now.executables:
        return f"the executable bit of files in {now.source} changed"
    if before.signed != now.signed:
        return _signed_otherwise(before, now)
    return f"where {now.source} has version {now.version} changed, and not its content"
