"""Apply: make the home match a file."""

from __future__ import annotations

from msgspec import Struct

from reconciler.commands.confirm import Pending
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

    def check(self, plan: Plan) -> None:
        """``PlanStaleError`` where ``plan`` does something else."""
        if not self.is_same(plan):
            raise PlanStaleError("the saved plan is not what an apply would do now")

    def is_same(self, plan: Plan) -> bool:
        """Whether ``plan`` does what was shown. What changes inside a package is in the fingerprint alone."""
        if plan.fingerprint() != self.fingerprint:
            return False
        return self.actions is None or [*map(_outside, self.actions)] == [
            _outside(action.to_document()) for action in plan.actions
        ]


class Expected(Struct, frozen=True):
    """The digest of a plan that a person agreed to."""

    digest: str

    def check(self, plan: Plan) -> None:
        """``PlanStaleError`` where ``plan`` has another one."""
        if (found := plan.digest()) != self.digest:
            raise PlanStaleError(f"this is another plan than --expect says: its digest is {found}")


def _outside(action: JsonObject) -> JsonObject:
    """``action`` without what is only found where somebody looks inside the package."""
    return {key: value for key, value in action.items() if key not in ("diff", "marks")}


def apply(
    env: Environment,
    options: Options,
    listener: Listener,
    *,
    saved: Shown | Expected | None = None,
    detailed: bool = False,
    pending: Pending | None = None,
) -> Outcome:
    """One pass over a desired state. ``saved``: it must be this plan, else ``PlanStaleError``.

    ``detailed``: its plan says what changes inside each package. ``pending``: the change is to be confirmed.
    """

    def propose_as_saved() -> Proposal:
        proposal = propose(env, options, listener.progress, keeps=True)
        if saved is not None:
            saved.check(proposal.plan)
        proposal = explained(proposal) if detailed else proposal
        return pending.proposed(proposal) if pending else proposal

    return change(env, options.file, listener, propose_as_saved, creates=True)
