"""Ready: whether what is installed is what the file says, and whether a gateway serves it; else what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from reconciler.errors import LlamagateError, NotReadyError
from reconciler.gateway.call import Cause
from reconciler.model.environment import Environment
from reconciler.model.watched import Aspect
from reconciler.queries.status import Status, read_status

_POLL_SECONDS: Final = 0.5


class Goal(StrEnum):
    """What is waited for."""

    READY = "ready"
    """What is installed is what the file says."""
    SERVED = "served"
    """And a gateway serves it."""


def wait_for(goal: Goal, env: Environment, file: Path | None, *, seconds: float, tell: Callable[[str], None]) -> Status:
    """The status once ``goal`` is reached. ``NotReadyError`` where it is not within ``seconds``.

    ``tell`` gets what is missing, each time that this changes. A home, a file or a source that is not there may still
    come, so that no error ends it early.
    """
    end, told = time.monotonic() + seconds, ""
    while True:
        status, why = _looked(goal, env, file)
        if status is not None and not why:
            return status
        left = end - time.monotonic()
        if left <= 0:
            after = f" after {seconds:g} s" if seconds else ""
            raise NotReadyError(f"not {goal}{after}: {why}")
        if why != told:
            tell(f"waiting: {why}")
            told = why
        time.sleep(min(_POLL_SECONDS, left))


def _looked(goal: Goal, env: Environment, file: Path | None) -> tuple[Status | None, str]:
    try:
        status = read_status(env, file)
    except LlamagateError as error:
        return None, error.message
    return status, "; ".join(missing(status, goal))


def missing(status: Status, goal: Goal) -> tuple[str, ...]:
    """What is not as ``goal`` wants it, in words; nothing where it is reached."""
    return (*_unready(status), *(_unserved(status) if goal is Goal.SERVED else ()))


def _unready(status: Status) -> Iterator[str]:
    if status.transaction == "running":
        yield "a change is running"
    elif status.transaction == "interrupted":
        yield "a change was interrupted; 'llamagate recover' finishes or undoes it"
    elif status.unreachable:
        yield status.unreachable
    elif not status.in_sync:
        yield "the home is not as the file says"
    ready = status.watcher.conditions.get(Aspect.READY) if status.watcher and status.is_watched else None
    if ready is not None and ready.status == "False":
        yield f"the watcher failed: {ready.message}"


def _unserved(status: Status) -> Iterator[str]:
    if status.serving is None:
        yield "no gateway is known for this home; name one with --gateway URL"
    elif status.serving.state is Cause.UNREACHABLE:
        yield f"no gateway answers at {status.gateway_url}"
    elif status.serving.state != "Served":
        notes = "; ".join(status.serving.notes) or str(status.serving.state)
        yield f"the gateway at {status.gateway_url} does not serve what is installed: {notes}"
