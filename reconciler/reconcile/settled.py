"""Settled: the items of a file that are as they were recorded, and as the file wants them.

Most items are so in most passes. Nothing is to be done or said about such an item, and no other one depends on what
becomes of it: so a pass decides about all others alone, and the planner takes these from the record. Whoever is not
sure is not settled, and is looked at in full. ``tests/settled`` holds the one against the other.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec import UNSET, Struct

from reconciler.errors import LlamagateError
from reconciler.fs.places import located_text
from reconciler.fs.tree import executables_if_untouched
from reconciler.model.config import JsonObject, references, same
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.ignore_file import Ignores
from reconciler.model.lock import Pin
from reconciler.model.record import Record, RecordItem
from reconciler.model.registry import Registry, RegistryEntry
from reconciler.model.version import in_range
from reconciler.reconcile.home_state import HomeState
from reconciler.reconcile.options import Options
from reconciler.sources.local import LOCAL
from reconciler.store.desired_file import DesiredFile
from reconciler.store.lock_file import LockFile
from reconciler.store.state_files import read_registry

NOTHING_SETTLED: Final[frozenset[ItemKey]] = frozenset()
_LOCKED: Final = frozenset(["kind", "id", "source", "version", "tree", "exec"])
"""What the lock has of a local package. ``exec``: where that is known."""
_PINNED: Final = _LOCKED | {"pin", "archive"}


def settled_items(state: HomeState, file: DesiredFile, lock: LockFile, options: Options) -> frozenset[ItemKey]:
    """The items of ``file`` that a pass, in which nobody asks for signatures, need not look at.

    None where the pass is narrowed, leaves items out or moves pins. Nor is one that the registry lacks, as all of a
    broken one.
    """
    if options.only or options.upgrade != frozenset() or state.record.suspensions:
        return NOTHING_SETTLED
    try:
        registry = read_registry(state.home).registry  # the pass reads it again once all packages are there
    except LlamagateError:  # it is said after what is wrong with the packages
        return NOTHING_SETTLED
    sieve = _Sieve(
        record=state.record,
        registry=registry,
        lock=lock.listed,
        owner=file.desired.owner,
        base=str(file.path.absolute().parent),
        home=str(state.home.root),
        ignore=state.store.ignore,
    )
    return frozenset(item.key for item in file.desired.items if sieve.is_settled(item))


class _Sieve(Struct, frozen=True, kw_only=True):
    """What an item is held against. ``lock`` has its entries as they are written, by id."""

    record: Record
    registry: Registry
    lock: dict[str, JsonObject]
    owner: str
    base: str
    home: str
    ignore: Ignores

    def is_settled(self, item: DesiredItem) -> bool:
        """Cheap questions first: most items that are not settled are new, or configured in another way."""
        recorded, entry = self.record.items.get(item.key), self.registry.get(item.key)
        return (
            recorded is not None
            and entry is not None
            and _is_wanted(item, recorded, self.owner)
            and self._is_registered(item, recorded, entry)
            and self._is_locked(item, recorded)
            and self._is_where_it_was(item, recorded)
            and self._is_untouched(recorded)
        )

    def _is_registered(self, item: DesiredItem, recorded: RecordItem, entry: RegistryEntry) -> bool:
        manifest, key = recorded.manifest, item.key
        return (
            item.enabled in (None, entry.enabled)
            and (entry.name, entry.version) == (manifest.name, manifest.version)
            and entry.source_path == f"{self.home}/{key.kind.folder}/installed/{key.id}"
        )

    def _is_locked(self, item: DesiredItem, recorded: RecordItem) -> bool:
        """Whether the lock has the very entry that would be made of it again."""
        entry, bits, is_pinned = self.lock.get(item.key.id), recorded.may_run, item.source.is_pinned
        return (
            entry is not None
            and entry.get("kind") == item.key.kind
            and entry.get("source") == item.source.to_document()
            and entry.get("version") == recorded.version
            and entry.get("tree") == recorded.tree
            and entry.get("exec") == (None if bits is None else [*bits])
            and entry.keys() <= (_PINNED if is_pinned else _LOCKED)
            and (not is_pinned or _is_taken_over(entry, item))
        )

    def _is_where_it_was(self, item: DesiredItem, recorded: RecordItem) -> bool:
        """Whether it comes from where it came from, and that is as it was. What the lock pins has no stamp."""
        source, known, is_pinned = item.source, recorded.source, item.source.is_pinned
        is_address = is_pinned and source.is_address
        location = source.location if is_address else located_text(self.base, source.location)
        return (
            known.location == location
            and known.kind is source.kind
            and known.path == source.path
            and known.ref == source.ref
            and (recorded.source_stamp == "") is is_pinned
            and (is_pinned or recorded.source_stamp == LOCAL[source.kind].stamp(location, self.ignore))
        )

    def _is_untouched(self, recorded: RecordItem) -> bool:
        folder = f"{self.home}/{recorded.key.kind.folder}/installed/{recorded.key.id}"
        try:
            found = executables_if_untouched(folder, recorded.files) if recorded.files else None
        except OSError:
            return False
        return found is not None and found.issuperset(recorded.may_run or ())


def _is_taken_over(entry: JsonObject, item: DesiredItem) -> bool:
    """Whether a pass takes this entry over as it is: it asks nobody for what is installed with this very content.

    So it does not miss a package that the cache has lost: that is fetched when something needs it.
    """
    pin, archive = Pin.from_document(cast(JsonObject, entry.get("pin") or {})), item.fetching.sha256
    return pin.says_where(item.source) and archive in (None, entry.get("archive"))


def _is_wanted(item: DesiredItem, recorded: RecordItem, owner: str) -> bool:
    """Whether it is as the file wants it, as far as the record tells; and needs nothing, nor has to be warned about."""
    manifest = recorded.manifest
    return (
        recorded.owner == owner
        and recorded.signed_by is UNSET
        and not item.depends_on
        and not recorded.depends_on
        and not manifest.requires
        and (manifest.kind, manifest.id) == item.key
        and manifest.loadable
        and not manifest.builtin
        and (item.version is None or in_range(manifest.version, item.version))
        and same(recorded.config, item.config)
        and not (item.config and any(references(item.config)))
    )
