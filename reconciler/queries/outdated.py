"""Outdated: what newer versions the sources have than the lock pins. Nothing is fetched but what they offer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import LlamagateError, RefusedError
from reconciler.model.config import JsonObject
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Progress, no_progress
from reconciler.model.lock import LockItem
from reconciler.model.offer import Offer
from reconciler.model.source import SourceKind
from reconciler.model.version import in_range, is_older, tagged_versions
from reconciler.resolve.choose import choose, newest_fitting
from reconciler.resolve.parallel import side_by_side
from reconciler.resolve.pins import lock_of
from reconciler.resolve.resolve import context_of, together
from reconciler.resolve.signatures import looker_of, trust_of
from reconciler.sources.protocol import Remote
from reconciler.sources.remotes import Remotes
from reconciler.store.desired_file import read_desired
from reconciler.store.lock_file import lock_path, read_lock

_COMMIT_DIGITS = 10
_ASKED: Final = (SourceKind.GIT, SourceKind.CATALOG, SourceKind.OCI)


class OutdatedItem(Struct, frozen=True, kw_only=True):
    """How an item's pin compares with what its source has.

    ``locked``, ``wanted`` (what 'lock --upgrade' would pin) and ``latest`` (of all there are, in the range or not) are
    versions, or the beginnings of commits where a git ref decides; ``None`` where there is none. ``notes`` say what
    else changed there. ``is_outdated``: the pin is not what is wanted, or of an older version than the latest.
    """

    item: DesiredItem
    locked: str | None
    wanted: str
    latest: str | None
    is_outdated: bool
    notes: tuple[str, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether 'lock --upgrade' would move the pin."""
        return self.locked != self.wanted

    def to_document(self) -> JsonObject:
        return {
            **self.item.key.to_document(),
            "source": self.item.source.to_full_document(),
            "range": self.item.version,
            "locked": self.locked,
            "wanted": self.wanted,
            "latest": self.latest,
            "outdated": self.is_outdated,
            "notes": [*self.notes],
        }


def read_outdated(env: Environment, path: Path, progress: Progress = no_progress) -> tuple[OutdatedItem, ...]:
    """Ask each repository, registry and catalog once. One error for all that cannot be asked.

    An archive on a web server has no versions to ask for, and a local source is read as it is: neither is listed. The
    index of a catalog that may not be used is an error, but for one that has only expired.
    """
    file = read_desired(path)
    items = [item for item in file.desired.items if item.source.kind in _ASKED]
    locked = read_lock(lock_path(path, env.lock_file))
    trust = trust_of(env, file, path.absolute().parent, old=locked)
    lock, remotes = lock_of(file, locked), Remotes(context_of(env, file, judge=looker_of(trust)))
    expired = {one.source: one for one in locked.lock.catalogs if one.is_expired(env.now)} if lock else {}
    found: list[OutdatedItem] = []
    errors: dict[ItemKey, LlamagateError] = {}
    asking = {item.key: partial(_compared, item, remotes, lock) for item in items}
    for done, (key, compared) in enumerate(side_by_side(asking)):
        progress("asking", done, len(items))
        if isinstance(compared, LlamagateError):
            errors[key] = compared
        else:
            old = expired.get(compared.item.source.location)
            note = [f"the index that the lock knows expired at {old.expires}"] if old else []
            found.append(replace(compared, notes=(*compared.notes, *note)))
    progress("asking", len(items), len(items))
    if errors:
        raise together(file, errors)
    return tuple(sorted(found, key=lambda one: one.item.key))


def _compared(item: DesiredItem, remotes: Remotes, lock: Mapping[ItemKey, LockItem]) -> OutdatedItem:
    remote, entry = remotes.of(item), lock.get(item.key)
    if entry is not None and (entry.source != item.source or not entry.says_where):
        entry = None
    wanted = choose(remote.offers(item), item)
    latest = newest_fitting(remote.offers(replace(item, source=replace(item.source, ref=""), version="*")), None)
    locked = _locked(item, entry) if entry else None
    is_older_than_latest = locked is not None and latest is not None and is_older(locked.version, latest.version)
    locked_name, wanted_name = _name(locked, like=wanted) if locked else None, _name(wanted, like=wanted)
    notes = _notes(item, remote, entry)
    if locked is not None and _goes_down(item, locked, wanted):
        notes = (*notes, f"what fits there is now {wanted.version}: 'lock --upgrade' needs --allow-downgrade for it")
        wanted_name = locked_name or wanted_name
    return OutdatedItem(
        item=item,
        locked=locked_name,
        wanted=wanted_name,
        latest=latest.version if latest else None,
        is_outdated=locked_name != wanted_name or is_older_than_latest,
        notes=notes,
    )


def _goes_down(item: DesiredItem, locked: Offer, wanted: Offer) -> bool:
    """Whether the source has only an older version than the lock, which the file still permits."""
    if not (wanted.version and locked.version) or not is_older(wanted.version, locked.version):
        return False
    return item.version is None or in_range(locked.version, item.version)


def _locked(item: DesiredItem, entry: LockItem) -> Offer:
    """What is locked, with the version by which it was chosen: that of a tag may differ from the package's own."""
    offer = Offer.of(entry)
    tag = offer.pin.tag.replace("_", "+", 1) if offer.pin.oci else offer.pin.tag
    return replace(offer, version=next(iter(tagged_versions([tag], item.key.id)), entry.version))


def _name(offer: Offer, *, like: Offer) -> str:
    name = offer.pin.commit or offer.pin.digest.removeprefix("sha256:")
    return offer.version if like.version else name[:_COMMIT_DIGITS]


def _notes(item: DesiredItem, remote: Remote, entry: LockItem | None) -> tuple[str, ...]:
    if entry is None:
        return ("not in the lock yet",)
    try:
        notes = remote.confirm(item, Offer.of(entry))
        return tuple(note.message.removeprefix(f"{item.key.id}: ") for note in notes)
    except RefusedError as error:
        return (error.message,)
