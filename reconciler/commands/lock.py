"""Lock: pin what is new in the file, or move pins that are asked for; the home is not touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, LockStaleError
from reconciler.errors import together as all_of
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, is_named
from reconciler.model.listener import Notice, Progress, no_progress
from reconciler.reconcile.inputs import made_again, writing_inputs
from reconciler.reconcile.naming import check_listed
from reconciler.resolve.judged import nothing_asked
from reconciler.resolve.moves import gone_down
from reconciler.resolve.pins import Pins, entries_of, lock_of, partition
from reconciler.resolve.resolve import Resolver, context_of, together
from reconciler.resolve.signatures import Signing, asker, fresh_signatures, judge_of, trust_of, trusted_pins
from reconciler.resolve.store import store_for
from reconciler.store.desired_file import DesiredFile, read_desired
from reconciler.store.lock_file import desired_of, lock_path, read_lock
from reconciler.store.state_files import read_record


class Locking(Struct, frozen=True, kw_only=True):
    """What is asked for. The pins of the ids in ``upgrade`` move to what their sources have now; ``None`` is all.

    ``check``: nothing may have to be written. ``downgrade``: a pin may move to an older version that nothing asks for,
    ``signer_change``: to what others signed than before, or nobody.
    """

    file: Path
    upgrade: frozenset[str] | None = frozenset()
    check: bool = False
    downgrade: bool = False
    signer_change: bool = False


def lock(env: Environment, asked: Locking, notice: Notice, progress: Progress = no_progress) -> Pins:
    """Write what the lock should say; again where file or lock change meanwhile. Errors as for ``renewed_pins``."""

    def update() -> Pins:
        pins = renewed_pins(env, asked, progress)
        with writing_inputs(() if asked.check else pins.inputs):
            return pins

    return made_again(update, notice)


def check_locks(
    env: Environment, files: Sequence[Path], notice: Notice, progress: Progress = no_progress
) -> tuple[Pins, ...]:
    """The pins of each of ``files``, whose locks need no change. One error for all that is wrong.

    Each is a desired state, or a lock that is beside one.
    """
    done: list[Pins] = []
    errors: list[LlamagateError] = []
    asked = {os.path.realpath(file): file for file in map(desired_of, files)}.values()
    for file in asked:
        try:
            done.append(lock(env, Locking(file=file, check=True), notice, progress))
        except LlamagateError as error:
            errors.append(error)
    if errors:
        raise all_of(errors, f"{len(errors)} of {len(asked)} locks are not as they should be")
    return tuple(done)


def renewed_pins(env: Environment, asked: Locking, progress: Progress = no_progress) -> Pins:
    """What the lock should say. An entry that decides stays as it is, and its package is not read.

    The home is only asked what it remembers of local sources. ``LockStaleError`` where ``asked.check`` and it says
    something else.
    """
    home = Home(env.home)
    record, _ = read_record(home)
    file = read_desired(asked.file, known=record.documents)
    named = asked.upgrade or frozenset()
    moved = named_upgrades(file, named, advice="run 'llamagate lock' to pin what is there now")
    old = read_lock(lock_path(asked.file, env.lock_file), known=record.documents)
    entries = lock_of(file, old) if asked.upgrade is not None else {}
    parts = partition(file.desired.items, {key: one for key, one in entries.items() if key not in moved})
    trust = trust_of(env, file, asked.file.absolute().parent, old=old, may_change=asked.signer_change)
    store, context = store_for(home, file.desired.policy), context_of(env, file, progress, judge=judge_of(trust))
    resolver = Resolver(file=file, record=record, store=store, context=context, lock_path=old.path)
    kept = {item.key: entry for item, entry in parts.locked}
    found = resolver.resolve(parts.unlocked(), locked=asked.check)
    fresh = entries_of(file, found)
    if not asked.downgrade and old.data is not None and (errors := gone_down(file.desired.items, old.lock, fresh)):
        raise together(file, errors)
    ask = nothing_asked if asked.check else asker(context)
    pins = trusted_pins(file, old, fresh | kept, Signing(trust, fresh_signatures(found), ask, asked.signer_change))
    if asked.check and pins.stale:
        raise LockStaleError(f"{pins.old.path} is out of date: " + "; ".join(pins.stale))
    return pins


def named_upgrades(file: DesiredFile, named: frozenset[str], *, advice: str) -> frozenset[ItemKey]:
    """The packages that ``named`` are. ``InputError`` where one is not listed, or has no versions to move to."""
    packages = [item for item in file.desired.items if is_named(item.key, named)]
    check_listed(file, frozenset(word for word in named if not any(is_named(one.key, (word,)) for one in packages)))
    for server in file.desired.servers:
        if is_named(server.key, named) and not any(one.key.id == server.key.id for one in packages):
            message = f"{server.key.id} is a tool server, which has no versions, so there is no pin to move"
            raise InputError(message, advice=advice, code=ErrorCode.NOT_FOUND)
    for item in packages:
        if not item.source.is_pinned:
            message = f"{item.key.id} comes from {item.source}, which has no versions, so there is no pin to move"
            raise InputError(message, advice=advice, code=ErrorCode.NOT_FOUND)
    return frozenset(item.key for item in packages)
