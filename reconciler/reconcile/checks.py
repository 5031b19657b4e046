"""What ``check`` finds in the packages that a plan brings: for the items that change, and for no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from reconciler.errors import LlamagateError
from reconciler.model.note import Note
from reconciler.reconcile.proposal import Proposal, needs_package

_MOST: Final = 50
"""Packages of one plan; a first apply of hundreds is no time to read findings."""


def with_checks(proposal: Proposal) -> Proposal:
    """With a warning for each finding that matters."""
    notes = tuple(_notes(proposal))
    if not notes:
        return proposal
    return replace(proposal, plan=replace(proposal.plan, warnings=(*proposal.plan.warnings, *notes)))


def _notes(proposal: Proposal) -> Iterator[Note]:
    changing = [one for one in proposal.plan.actions if needs_package(one, proposal.state.record)]
    if not changing:
        return
    from reconciler.packages.check.notes import check_notes  # most plans bring no package

    rules = proposal.intent.rules.policy.check
    for action in changing[:_MOST]:
        found = proposal.parts.resolved.get(action.key)
        try:
            opened = proposal.state.store.open(found) if found else None
        except LlamagateError:
            continue
        if opened is not None and found is not None:
            yield from check_notes(opened, name=found.name, rules=rules)
