"""Plan: what an apply would do, and what changes inside each package."""

from __future__ import annotations

from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Progress, no_progress
from reconciler.model.plan import Plan
from reconciler.reconcile.proposal import Options
from reconciler.reconcile.propose import propose
from reconciler.reconcile.readers import steadily


def read_plan(env: Environment, options: Options, progress: Progress = no_progress) -> Plan:
    """The plan of an apply, made again while a writer is at work."""
    proposal = steadily(Home(env.home), lambda: propose(env, options, progress))
    if not proposal.plan.actions:
        return proposal.plan
    from reconciler.reconcile.explain import explained  # the door to what reads manifests and compares them

    return explained(proposal)
