"""What the rules of trust say of packages that a command brings or brings back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.errors import LlamagateError
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock
from reconciler.model.record import Record
from reconciler.model.trust import Signer
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.judged import nothing_asked
from reconciler.resolve.resolved import Resolved
from reconciler.resolve.signatures import asker, fresh_signatures, trust_of
from reconciler.store.desired_file import DesiredFile, read_desired
from reconciler.store.lock_file import lock_path, read_lock

if TYPE_CHECKING:
    from reconciler.resolve.trusted import Trust
    from reconciler.trust.policy import Problem


def judged_here(state: HomeState, found: Iterable[Resolved]) -> tuple[tuple[Resolved, ...], Mapping[ItemKey, Problem]]:
    """Packages that a command names, with who signed them, and why some may not be installed.

    Of those on this machine only a rule for ``local`` asks for signatures, beside them; others
    come with what their source has of them.
    """
    packages, trust = tuple(found), _trust(state)
    if trust is None:
        return packages, {}
    items = [DesiredItem(key=one.key, source=one.source) for one in packages]
    entries = {one.key: one.locked_as(one.source) for one in packages}
    fresh = fresh_signatures({one.key: one for one in packages})
    judged = trust.judged(items, Lock(), entries, fresh, asker(state.context))
    return tuple(replace(one, signed=judged.entries[one.key].signed) for one in packages), judged.refusals


def revoked_problems(state: HomeState, signers: Mapping[ItemKey, tuple[Signer, ...]]) -> Mapping[ItemKey, Problem]:
    """Why items may not come back: every key that signed them was revoked."""
    if not any(signers.values()) or (trust := _trust(state)) is None:
        return {}
    found = {key: trust.revoked_among([one.key for one in by]) for key, by in signers.items()}
    return {key: problem for key, problem in found.items() if problem is not None}


def distrusted(env: Environment, path: Path, record: Record) -> str:
    """Why what is installed, or what the lock of the file at ``path`` pins, is no longer trusted; empty where it is.

    Nobody is asked for anything.
    """
    try:
        return "; ".join(_distrusted(env, path, record))
    except LlamagateError as error:
        return error.message


def _distrusted(env: Environment, path: Path, record: Record) -> Iterator[str]:
    file = _file_at(path, record)
    lock = read_lock(lock_path(path, env.lock_file), known=record.documents)
    trust = trust_of(replace(env, offline=True), file, path.absolute().parent, old=lock)
    if trust is None:
        return
    judged = trust.judged(file.desired.items if file else (), lock.lock, lock.lock.by_key, {}, nothing_asked)
    problems = {key: trust.revoked_among([one.key for one in item.signers]) for key, item in record.items.items()}
    problems |= judged.refusals
    yield from (f"{key.id}: {problem.message}" for key, problem in sorted(problems.items()) if problem)
    yield from (note.message for note in judged.notes if note.code is WarningCode.CATALOG_EXPIRED)


def _file_at(path: Path, record: Record) -> DesiredFile | None:
    """The desired state; ``None`` where it cannot be read, and the rules of the host count alone."""
    with suppress(LlamagateError):
        return read_desired(path, known=record.documents)
    return None


def _trust(state: HomeState) -> Trust | None:
    return trust_of(state.env, state.file, state.path.absolute().parent)
