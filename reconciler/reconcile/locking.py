"""Lock: pin what is new in the file, or move pins that are asked for; the home is not touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.errors import InputError, LockStaleError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.inputs import Input
from reconciler.model.lock import Lock, LockItem
from reconciler.planning.pin import deciding, pin
from reconciler.reconcile.progress import Notice, Progress, no_progress
from reconciler.reconcile.resolving import Resolving, reach_of, resolve_items
from reconciler.sources.resolved import Resolved
from reconciler.store.desired_file import DesiredFile, LockFile, lock_bytes, lock_path, read_desired, read_lock
from reconciler.store.state_files import read_record


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


NOTHING: Final[frozenset[str]] = frozenset()


def look_at_lock(
    env: Environment,
    file: Path,
    *,
    upgrade: frozenset[str] | None = NOTHING,
    locked: bool = False,
    progress: Progress = no_progress,
) -> Pins:
    """What the lock of ``file`` should say. An entry that decides needs no package, and stays as it is.

    The pins of the ids in ``upgrade`` move to what their sources have now; ``None`` is all of them.
    The home is only asked what it remembers of local sources. ``LockStaleError`` where ``locked`` and it says
    something else.
    """
    record, _ = read_record(Home(env.home))
    desired = read_desired(file, known=record.documents)
    _check_named(desired, upgrade or frozenset())
    old = read_lock(lock_path(file), known=record.documents)
    pinned = lock_of(desired, old) if upgrade is not None else {}
    lock = {key: entry for key, entry in pinned.items() if key.id not in (upgrade or ())}
    kept = {item.key: entry for item in desired.desired.items if (entry := deciding(item, lock))}
    how = Resolving(
        reach=reach_of(env, desired),
        record=record,
        lock=lock,
        locked=locked,
        skip=frozenset(kept),
        progress=progress,
    )
    pins = pins_of(desired, old, entries_of(desired, resolve_items(desired, how)) | kept)
    if locked and pins.stale:
        raise LockStaleError(f"{lock_path(file)} does not fit: " + "; ".join(pins.stale))
    return pins


def update_lock(
    env: Environment,
    file: Path,
    *,
    upgrade: frozenset[str] | None = NOTHING,
    notice: Notice,
    progress: Progress = no_progress,
) -> Pins:
    """``look_at_lock``, and write what it says; looked at again where file or lock are changed meanwhile."""
    from reconciler.reconcile.writing import made_again, writing_inputs  # whoever only looks writes nothing

    def update() -> Pins:
        pins = look_at_lock(env, file, upgrade=upgrade, progress=progress)
        with writing_inputs(pins.inputs):
            return pins

    return made_again(update, notice)


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


def check_listed(file: DesiredFile, named: frozenset[str]) -> None:
    """Ids given on the command line must be in the file: a typing error must not pass for "nothing to do"."""
    known = {item.key.id for item in file.desired.items}
    unknown = sorted(named - known)
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], sorted(known), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{file.path} lists no item '{unknown[0]}'{hint}")


def _check_named(file: DesiredFile, named: frozenset[str]) -> None:
    check_listed(file, named)
    for item in file.desired.items:
        if item.key.id in named and not item.source.is_pinned:
            message = f"{item.key.id} is taken from {item.source} as it is there now, and has no pin to move"
            raise InputError(message, advice="'llamagate lock' takes what changed there")
