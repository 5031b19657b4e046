"""What the rules of trust say of packages that a command brings or brings back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from reconciler.model.desired import DesiredItem
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock
from reconciler.model.trust import Signer
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.resolved import Resolved
from reconciler.resolve.signatures import asker, trust_of

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
    judged = trust.judged(items, Lock(), entries, {}, asker(state.context))
    return tuple(replace(one, signed=judged.entries[one.key].signed) for one in packages), judged.refusals


def revoked_problems(state: HomeState, signers: Mapping[ItemKey, tuple[Signer, ...]]) -> Mapping[ItemKey, Problem]:
    """Why items may not come back: every key that signed them was revoked."""
    if not any(signers.values()) or (trust := _trust(state)) is None:
        return {}
    found = {key: trust.revoked_among([one.key for one in by]) for key, by in signers.items()}
    return {key: problem for key, problem in found.items() if problem is not None}


def _trust(state: HomeState) -> Trust | None:
    return trust_of(state.env, state.file, state.path.absolute().parent)
