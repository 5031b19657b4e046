"""Apply: make the home match a file."""

from __future__ import annotations

from reconciler.errors import PlanStaleError
from reconciler.model.environment import Environment
from reconciler.model.listener import Listener
from reconciler.reconcile.change import change
from reconciler.reconcile.explain import explained
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Options, Proposal
from reconciler.reconcile.propose import propose


def apply(
    env: Environment, options: Options, listener: Listener, *, saved: str = "", detailed: bool = False
) -> Outcome:
    """One pass over a desired state. ``saved`` is the fingerprint of a saved plan that it must equal.

    ``detailed``: its plan says what changes inside each package.
    """

    def propose_as_saved() -> Proposal:
        proposal = propose(env, options, listener.progress)
        if saved and proposal.plan.fingerprint() != saved:
            raise PlanStaleError("what would be done now is not what the saved plan says")
        return explained(proposal) if detailed else proposal

    return change(env, options.file, listener, propose_as_saved)
