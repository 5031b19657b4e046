"""What a watcher leaves alone: everything during a hold, and suspended items."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.fs import file_lock
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.note import Note
from reconciler.model.record import ConfirmBy, Record, Suspension
from reconciler.model.registry import registry_time
from reconciler.planning.planner import make_plan
from reconciler.reconcile.proposal import Proposal, with_refusals


def is_awaited(home: Home, one: ConfirmBy, now: datetime) -> bool:
    """Whether the command that made an unconfirmed change is there, and its time is not over."""
    return file_lock.is_held(home.confirm_lock) and registry_time(now) <= one.until


def standstill(record: Record, file: Path, digest: Digest) -> str:
    """Why a watcher of ``file``, whose input has ``digest``, leaves everything alone; empty where it does not.

    A hold ends with a new input. One that knows nothing of the file was not set against it, and stays until it is
    ended.
    """
    for one in record.suspensions:
        if not one.item:
            return f"paused: {one.reason}"
    hold = record.hold
    if hold is not None and hold.inputs.get(str(file.absolute()), digest) == digest:
        return f"paused: {hold.reason}"
    return ""


def leaving_out(proposal: Proposal, suspensions: Collection[Suspension]) -> Proposal:
    """The pass without the suspended items, which stay as they are.

    What the rules of trust refuse is refused all the same, also of those items.
    """
    if not suspensions:
        return proposal
    before, recorded = proposal.intent, proposal.state.record.owners_by_key
    keys = {*before.targets, *before.servers, *recorded}
    left = frozenset(key for key in keys if any(one.covers(key) for one in suspensions))
    intent = replace(
        before,
        targets={key: target for key, target in before.targets.items() if key not in left},
        servers={key: target for key, target in before.servers.items() if key not in left},
        pause=replace(before.pause, suspended=left),
        notes=(*before.notes, *_left_alone(suspensions)),
    )
    plan = with_refusals(make_plan(intent, proposal.state.record, proposal.observed), proposal.parts.refused)
    plan = replace(plan, warnings=plan.warnings + proposal.parts.warnings)
    return replace(proposal, intent=intent, plan=plan, looked=None)  # the whole file may well want something


def _left_alone(suspensions: Collection[Suspension]) -> Iterator[Note]:
    for one in suspensions:
        yield Note(WarningCode.LEFT_ALONE, f"{one.what} is not changed: paused: {one.reason}")
