"""What an attempt says of how things stand. Pure: the state before in, the state after out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.loop.attempt import Tried
from reconciler.loop.schedule import End
from reconciler.model.plan import Plan
from reconciler.model.record import Record
from reconciler.model.watched import Aspect, Attempt, Condition, Result, Truth, Watched, last_outcomes

_MAX_NAMED = 10


def reported(before: Watched, tried: Tried, attempt: Attempt, record: Record | None) -> Watched:
    """The state after ``attempt``, whose outcome is ``tried``; ``record`` is that of the home now."""
    conditions = dict(before.conditions)
    for aspect, status, reason, message in _conditions(tried, attempt, record):
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


def said_of(tried: Tried) -> str:
    """The attempt in one line."""
    if tried.error is not None:
        advice = f"; {tried.error.advice}" if tried.error.advice else ""
        faults = [str(fault) for fault in tried.error.faults if str(fault) not in tried.error.message]
        more = f" ({'; '.join(faults[:_MAX_NAMED])})" if faults else ""
        return f"{tried.error.message}{more}{advice}"
    if tried.carried_out is not None:
        return deeds_of(tried.carried_out)
    drift = tried.outcome.plan.drift if tried.outcome else ()
    return f"nothing to do{f'; {len(drift)} left as they are by policy.drift' if drift else ''}"


def deeds_of(plan: Plan) -> str:
    """What was done by ``plan``, in one line."""
    named = [f"{action.action} {action.key.id}" for action in plan.actions[:_MAX_NAMED]] or ["the registry rebuilt"]
    more = f" and {len(plan.actions) - _MAX_NAMED} more" if len(plan.actions) > _MAX_NAMED else ""
    return f"{', '.join(named)}{more}"


def _conditions(tried: Tried, attempt: Attempt, record: Record | None) -> Iterator[tuple[Aspect, Truth, str, str]]:
    reason, message = attempt.reason, attempt.message
    is_left = attempt.result is Result.LEFT_ALONE
    if not is_left:  # a home that is left alone is as ready as it was
        is_ready = tried.error is None
        yield Aspect.READY, "True" if is_ready else "False", "InSync" if is_ready else reason, message
        for aspect, end in ((Aspect.RECONCILING, End.RETRY), (Aspect.STALLED, End.STUCK)):
            is_so = tried.end is end
            yield aspect, "True" if is_so else "False", reason if is_so else "InSync", message if is_so else ""
    yield Aspect.SUSPENDED, *_suspended(attempt, record)
    if (reload := tried.reload) is not None:
        status: Truth = "True" if reload.reloaded else "False"
        yield Aspect.GATEWAY_RELOADED, status, str(reload.state), "; ".join((reload.message, *reload.notes))


def _suspended(attempt: Attempt, record: Record | None) -> tuple[Truth, str, str]:
    if attempt.result is Result.LEFT_ALONE:
        return "True", "OnHold" if attempt.message.startswith("on hold") else "Suspended", attempt.message
    items = [one for one in record.suspensions if one.item] if record is not None else []
    if items:
        return "True", "ItemsSuspended", "; ".join(f"{one.item}: {one.reason}" for one in items)
    return "False", "NotSuspended", ""
