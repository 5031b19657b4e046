"""What changes inside each package of a plan."""

from __future__ import annotations

from reconciler.model.plan import Plan
from reconciler.reconcile.proposal import Proposal


def explained(proposal: Proposal) -> Plan:
    """The plan of ``proposal`` with the changes inside each package."""
    if not proposal.plan.actions:
        return proposal.plan
    from reconciler.reconcile.explain import explained as explain  # lazy: it loads the YAML parser, for changes only

    return explain(proposal)
