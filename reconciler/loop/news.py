"""What people are told of an attempt: what is new, and not the same failure a second time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from reconciler.loop.schedule import End
from reconciler.loop.tried import Tried
from reconciler.model.plan import Plan
from reconciler.model.watched import Attempt, Result

_MAX_NAMED: Final = 10


class Event(Struct, frozen=True):
    """Something that people may want to know of. Without a ``reason``, one word for scripts, its name is that."""

    name: str
    message: str
    reason: str = ""
    generation: int | None = None


class Said(Struct, frozen=True, kw_only=True):
    """What was said last: how an attempt ended, and how a gateway took a change."""

    attempt: tuple[Result, str] | None = None
    gateway: tuple[str, ...] = ()

    def after(self, tried: Tried, attempt: Attempt) -> Said:
        return Said(attempt=(attempt.result, attempt.message), gateway=_of_gateway(tried) or self.gateway)


def news(tried: Tried, attempt: Attempt, last: Attempt | None, said: Said) -> Iterator[Event]:
    """What is new after ``attempt``, the report of ``tried``, which came after ``last``."""
    if (plan := tried.done) is not None:
        number = plan.generation + 1
        yield Event("Applied", f"generation {number}: {deeds_of(plan)}", generation=number)
    result = attempt.result
    if tried.error is not None and said.attempt != (result, attempt.message):
        later = " (will try again)" if tried.end is End.RETRY else ""
        name = str(result).title().replace("-", "")
        yield Event(name, f"{attempt.message}{later}", attempt.reason, attempt.generation)
    elif result is Result.UNCHANGED and last is not None and last.result not in (result, Result.APPLIED):
        message = f"matches the file again (generation {attempt.generation})"
        yield Event("Recovered", message, generation=attempt.generation)
    yield from (Event("Notice", str(warning)) for warning in (tried.outcome.warnings if tried.outcome else ()))
    lines = _of_gateway(tried)
    if tried.reload and (lines != said.gateway or tried.done is not None):
        yield from (Event("Gateway", line, str(tried.reload.state)) for line in lines)


def said_of(tried: Tried) -> str:
    """The attempt in one line."""
    if tried.error is not None:
        advice = f"; {tried.error.advice}" if tried.error.advice else ""
        faults = tried.error.details
        more = f" ({'; '.join(faults[:_MAX_NAMED])})" if faults else ""
        return f"{tried.error.message}{more}{advice}"
    if tried.done is not None:
        return deeds_of(tried.done)
    drift = tried.outcome.plan.drift if tried.outcome else ()
    if not drift:
        return "nothing to do"
    kept = "1 difference was" if len(drift) == 1 else f"{len(drift)} differences were"
    return f"nothing to do; {kept} kept, as policy.drift says"


def deeds_of(plan: Plan) -> str:
    """What was done by ``plan``, in one line."""
    named = [f"{action.action} {action.key.id}" for action in plan.actions[:_MAX_NAMED]] or ["the registry rebuilt"]
    more = f" and {len(plan.actions) - _MAX_NAMED} more" if len(plan.actions) > _MAX_NAMED else ""
    return f"{', '.join(named)}{more}"


def _of_gateway(tried: Tried) -> tuple[str, ...]:
    """How a gateway took a change, where one was told."""
    return (tried.reload.message, *tried.reload.notes) if tried.reload else ()
