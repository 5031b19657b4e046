"""A proposal: a plan, and all that is needed to apply it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey
from reconciler.model.inputs import Input
from reconciler.model.note import Note
from reconciler.model.observed import Observed
from reconciler.model.plan import Action, Plan, Refusal
from reconciler.model.record import ConfirmBy, Record
from reconciler.model.unchanged import Covered
from reconciler.planning.intent import Intent
from reconciler.reconcile.home_state import HomeState, ListedBy
from reconciler.reconcile.unchanged import Look
from reconciler.resolve.resolved import Resolved

if TYPE_CHECKING:
    from reconciler.trust.policy import Problem


class Carried(Struct, frozen=True, kw_only=True):
    """Local files of an item that is gone: all in ``folder``, a backup, but for the paths in ``brought``.

    The package's files in ``keep`` come from there too: programs edit them.
    """

    folder: Path
    brought: frozenset[str]
    keep: frozenset[str] = frozenset()


class Parts(Struct, frozen=True, kw_only=True):
    """What is needed besides plan and intent to apply a plan.

    ``resolved`` says which package each target is; the package store opens it. ``inputs`` are written with the change,
    or compared just before it. ``list_of`` is the generation whose list comes back, if one does. ``against`` is a file
    that says otherwise, or may. ``migrates``: whether there are packages in a gateway's old folder.
    ``confirm_by``: the change stays only if a person confirms it.
    """

    resolved: Mapping[ItemKey, Resolved] = field(default_factory=dict)
    carried: Mapping[ItemKey, Carried] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    list_of: int | None = None
    against: ListedBy | None = None
    migrates: bool = False
    confirm_by: ConfirmBy | None = None
    refused: Mapping[ItemKey, Problem] = field(default_factory=dict)
    """What the rules of trust refuse, and what they only remark."""
    remarks: tuple[Note, ...] = ()

    @property
    def warnings(self) -> tuple[Note, ...]:
        """What is strange about the packages that were read, and about who signed them."""
        return (*self.remarks, *(note for one in self.resolved.values() for note in one.notes))


class Proposal(Struct, frozen=True, kw_only=True):
    """Everything that a pass knows before it changes anything.

    ``documents`` is what the next pass need not parse and validate. ``looked``: all that decides the pass, as it was
    before anything was decided; ``None`` where nobody asks.
    """

    state: HomeState
    intent: Intent
    observed: Observed
    plan: Plan
    parts: Parts
    documents: Mapping[Digest, JsonObject] = field(default_factory=dict)
    looked: tuple[Covered, Look] | None = None


def with_refusals(plan: Plan, refused: Mapping[ItemKey, Problem]) -> Plan:
    """``plan``, with what the rules of trust refuse."""
    if not refused:
        return plan
    more = [Refusal(key=key, code=one.code, message=str(one)) for key, one in refused.items()]
    ordered = sorted((*plan.refusals, *more), key=lambda refusal: (refusal.key, refusal.code, refusal.message))
    return replace(plan, refusals=tuple(ordered))


def needs_package(action: Action, record: Record) -> bool:
    """Whether ``action`` needs the package: its files are written, or it is new in the record."""
    if action.after is None:
        return False
    recorded = record.items.get(action.key)
    return action.rewrites or recorded is None or recorded.tree != action.after.tree
