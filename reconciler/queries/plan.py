"""Plan: what an apply would do, and what changes inside each package."""

from __future__ import annotations

from enum import Enum

from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Progress, no_progress
from reconciler.model.plan import Plan
from reconciler.reconcile.options import Options
from reconciler.reconcile.readers import steadily
from reconciler.reconcile.unchanged import unchanged


class Depth(Enum):
    """How much a plan says of what changes inside each package."""

    NOTHING = "nothing"
    FIRST = "first"
    """The marks of each; the lines of what is shown first, where not everything is."""
    WHOLE = "whole"


def read_plan(
    env: Environment, options: Options, progress: Progress = no_progress, *, depth: Depth = Depth.WHOLE
) -> Plan:
    """The plan of an apply, made again while a writer is at work."""
    return steadily(Home(env.home), lambda: unchanged(env, options) or _made(env, options, progress, depth))


def _made(env: Environment, options: Options, progress: Progress, depth: Depth) -> Plan:
    from reconciler.reconcile.checks import with_checks  # most looks find nothing changed, and need none of this
    from reconciler.reconcile.explain import explained
    from reconciler.reconcile.propose import propose

    proposal = propose(env, options, progress)
    if depth is not Depth.NOTHING:
        proposal = explained(proposal, is_whole=depth is Depth.WHOLE)
    return with_checks(proposal).plan
