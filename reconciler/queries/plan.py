"""Plan: what an apply would do, and what changes inside each package."""

from __future__ import annotations

from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Progress, no_progress
from reconciler.model.plan import Plan
from reconciler.reconcile.explain import explained
from reconciler.reconcile.proposal import Options
from reconciler.reconcile.propose import propose
from reconciler.reconcile.readers import steadily


def read_plan(env: Environment, options: Options, progress: Progress = no_progress) -> Plan:
    """The plan of an apply, made again while a writer is at work."""
    return explained(steadily(Home(env.home), lambda: propose(env, options, progress))).plan
