"""Plan: what an apply would do, and what changes inside each package."""

from __future__ import annotations

from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Progress, no_progress
from reconciler.model.plan import Plan
from reconciler.reconcile.options import Options
from reconciler.reconcile.readers import steadily
from reconciler.reconcile.unchanged import unchanged


def read_plan(env: Environment, options: Options, progress: Progress = no_progress, *, detailed: bool = True) -> Plan:
    """The plan of an apply, made again while a writer is at work.

    ``detailed``: it says what changes inside each package.
    """
    return steadily(Home(env.home), lambda: unchanged(env, options) or _made(env, options, progress, detailed=detailed))


def _made(env: Environment, options: Options, progress: Progress, *, detailed: bool) -> Plan:
    from reconciler.reconcile.checks import with_checks  # most looks find nothing changed, and need none of this
    from reconciler.reconcile.explain import explained
    from reconciler.reconcile.propose import propose

    proposal = propose(env, options, progress)
    return with_checks(explained(proposal) if detailed else proposal).plan
