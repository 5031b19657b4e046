"""Lock: pin what is new in the file, or move pins that are asked for; the home is not touched."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.apply.transaction import storage_error
from reconciler.errors import InputError, LockStaleError
from reconciler.fs import durable
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.planning.pin import deciding
from reconciler.reconcile.looking import Pins, check_listed, entries_of, lock_of, pins_of
from reconciler.reconcile.progress import Progress, no_progress
from reconciler.reconcile.resolving import Resolving, reach_of, resolve_items
from reconciler.store.desired_file import DesiredFile, lock_bytes, lock_path, read_desired
from reconciler.store.state_files import read_record

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
    lock = {
        key: entry for key, entry in lock_of(desired, record).items() if upgrade is not None and key.id not in upgrade
    }
    kept = {item.key: entry for item in desired.desired.items if (entry := deciding(item, lock))}
    how = Resolving(
        reach=reach_of(env, desired),
        record=record,
        lock=lock,
        locked=locked,
        skip=frozenset(kept),
        progress=progress,
    )
    pins = pins_of(desired, record, entries_of(desired, resolve_items(desired, how)) | kept)
    if locked and pins.stale:
        raise LockStaleError(f"{lock_path(file)} does not fit: " + "; ".join(pins.stale))
    return pins


def _check_named(file: DesiredFile, named: frozenset[str]) -> None:
    check_listed(file, named)
    for item in file.desired.items:
        if item.key.id in named and not item.source.is_pinned:
            message = f"{item.key.id} is taken from {item.source} as it is there now, and has no pin to move"
            raise InputError(message, advice="'llamagate lock' takes what changed there")


def write_lock(file: Path, pins: Pins) -> None:
    """Write the lock that goes with ``file``, if it says something else than the one there."""
    if pins.changed:
        path = lock_path(file)
        try:
            durable.write_file(path, lock_bytes(pins.lock), mode=durable.mode_of(path))
        except OSError as error:
            raise storage_error(error, "it was not written") from error
