"""Apply: make the home match a file."""

from __future__ import annotations

from msgspec import Struct

from reconciler.errors import PlanStaleError
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.listener import Listener
from reconciler.model.plan import Plan
from reconciler.reconcile.change import change
from reconciler.reconcile.explain import explained
from reconciler.reconcile.options import Options
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.propose import propose


class Shown(Struct, frozen=True):
    """A plan that a person saw and agreed to: its fingerprint, and its actions as they were shown, if they were."""

    fingerprint: str
    actions: tuple[JsonObject, ...] | None = None

    def is_same(self, plan: Plan) -> bool:
        """Whether ``plan`` does what was shown. What changes inside a package is in the fingerprint alone."""
        if plan.fingerprint() != self.fingerprint:
            return False
        return self.actions is None or [*map(_without_diff, self.actions)] == [
            _without_diff(action.to_document()) for action in plan.actions
        ]


def _without_diff(action: JsonObject) -> JsonObject:
    return {key: value for key, value in action.items() if key != "diff"}


def apply(
    env: Environment, options: Options, listener: Listener, *, saved: Shown | None = None, detailed: bool = False
) -> Outcome:
    """One pass over a desired state. ``saved``: it must do what this plan shows, else ``PlanStaleError``.

    ``detailed``: its plan says what changes inside each package.
    """

    def propose_as_saved() -> Proposal:
        proposal = propose(env, options, listener.progress, keeps=True)
        if saved is not None and not saved.is_same(proposal.plan):
            raise PlanStaleError("the saved plan is not what an apply would do now")
        return explained(proposal) if detailed else proposal

    return change(env, options.file, listener, propose_as_saved, creates=True)
