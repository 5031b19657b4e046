"""The conditions of ``status.json`` after an attempt. Pure: the status before in, the status after out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from reconciler.loop.schedule import End
from reconciler.loop.tried import Tried
from reconciler.model.record import Record
from reconciler.model.watched import Aspect, Attempt, Condition, Result, Truth, Watched, last_outcomes

_FAILED: Final = (Aspect.STALLED, Aspect.RECONCILING)
"""While one of these is true, ``Ready`` is false; where an attempt was made and none is, it is true."""


def reported(before: Watched, tried: Tried, attempt: Attempt, record: Record | None) -> Watched:
    """The status after ``attempt``, the report of ``tried``; ``record`` is that of the home now."""
    conditions = dict(before.conditions)
    for aspect, status, reason, message in _conditions(tried, attempt, record, before.conditions):
        old = conditions.get(aspect)
        since = old.since if old is not None and old.status == status else attempt.at
        conditions[aspect] = Condition(aspect=aspect, status=status, reason=reason, message=message, since=since)
    is_applied = attempt.result in (Result.APPLIED, Result.UNCHANGED)
    return replace(
        before,
        attempted=attempt,
        applied=attempt if is_applied else before.applied,
        conditions=conditions,
        outcomes=last_outcomes(before.outcomes, attempt),
    )


def _conditions(
    tried: Tried, attempt: Attempt, record: Record | None, before: Mapping[Aspect, Condition]
) -> Iterator[tuple[Aspect, Truth, str, str]]:
    reason, message = attempt.reason, attempt.message
    if attempt.result is Result.LEFT_ALONE:
        yield from _ready_when_left(tried, attempt, before)
    else:
        is_ready = tried.error is None
        yield Aspect.READY, "True" if is_ready else "False", "InSync" if is_ready else reason, message
        for aspect, end in ((Aspect.RECONCILING, End.RETRY), (Aspect.STALLED, End.STUCK)):
            is_so = tried.end is end
            yield aspect, "True" if is_so else "False", reason if is_so else "InSync", message if is_so else ""
    yield Aspect.SUSPENDED, *_suspended(attempt, record)
    if (reload := tried.reload) is not None:
        status: Truth = "True" if reload.reloaded else "False"
        yield Aspect.GATEWAY_RELOADED, status, str(reload.state), "; ".join((reload.message, *reload.notes))


def _ready_when_left(
    tried: Tried, attempt: Attempt, before: Mapping[Aspect, Condition]
) -> Iterator[tuple[Aspect, Truth, str, str]]:
    """A home that is left alone is as ready as it was, unless what is installed is no longer trusted."""
    if tried.distrust:
        yield Aspect.READY, "False", "NotTrusted", tried.distrust
    elif (ready := before.get(Aspect.READY)) is not None and ready.reason == "NotTrusted":
        failed = next((before[one] for one in _FAILED if one in before and before[one].status == "True"), None)
        if failed is not None:
            yield Aspect.READY, "False", failed.reason, failed.message
        else:
            status: Truth = "True" if Aspect.STALLED in before else "Unknown"
            yield Aspect.READY, status, "InSync" if status == "True" else "OnHold", attempt.message


def _suspended(attempt: Attempt, record: Record | None) -> tuple[Truth, str, str]:
    suspensions = record.suspensions if record is not None else ()
    if attempt.result is Result.LEFT_ALONE:
        is_ordered = any(not suspension.item for suspension in suspensions)
        return "True", "Suspended" if is_ordered else "OnHold", attempt.message
    items = [f"{suspension.what}: {suspension.reason}" for suspension in suspensions if suspension.item]
    if items:
        return "True", "ItemsSuspended", "; ".join(items)
    return "False", "NotSuspended", ""
