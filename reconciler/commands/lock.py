"""Lock: pin what is new in the file, or move pins that are asked for; the home is not touched."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.errors import InputError, LockStaleError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Notice, Progress, no_progress
from reconciler.reconcile.naming import check_listed
from reconciler.resolve.pins import Pins, deciding, entries_of, lock_of, pins_of
from reconciler.resolve.resolve import Resolving, reach_of, resolve_items
from reconciler.store.desired_file import DesiredFile, lock_path, read_desired, read_lock
from reconciler.store.state_files import read_record

NOTHING: Final[frozenset[str]] = frozenset()


def renewed_pins(
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
    """``renewed_pins``, and write what it says; proposal at again where file or lock are changed meanwhile."""
    from reconciler.reconcile.write import made_again, writing_inputs  # whoever only looks writes nothing

    def update() -> Pins:
        pins = renewed_pins(env, file, upgrade=upgrade, progress=progress)
        with writing_inputs(pins.inputs):
            return pins

    return made_again(update, notice)


def _check_named(file: DesiredFile, named: frozenset[str]) -> None:
    check_listed(file, named)
    for item in file.desired.items:
        if item.key.id in named and not item.source.is_pinned:
            message = f"{item.key.id} is taken from {item.source} as it is there now, and has no pin to move"
            raise InputError(message, advice="'llamagate lock' takes what changed there")
