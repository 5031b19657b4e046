"""Change: one pass that makes the home match the plan, under the lock, and tells the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.apply.recovery import Recovered
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Listener
from reconciler.model.package import Manifest
from reconciler.model.plan import Plan
from reconciler.reconcile.commit import commit
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.reconcile.gateway import Reload, reload_gateway, reload_if_missed
from reconciler.reconcile.input_digest import input_digests
from reconciler.reconcile.outcome import GoneBack, Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.rollback import propose_return
from reconciler.reconcile.write import made_again

Explain = Callable[[Proposal], Plan]
"""Fills in what changes inside each package, while the old one is still there."""


def change(
    env: Environment, file: Path, listener: Listener, propose: Callable[[], Proposal], *, explain: Explain | None = None
) -> Outcome:
    """One pass that changes the home: what ``propose`` then plans is done, all of it or nothing.

    ``file`` is the desired state that the pass may read or write. Where another program changes it or its lock before
    the change, the pass is made again. Errors say by their class whether anything was changed; see
    ``reconciler.errors``.
    """
    with exclusive(env, listener):
        recovered = settle(Home(env.home), file)
        if recovered is not Recovered.NONE:
            listener.notice(f"an interrupted change was {recovered} first")

        def make() -> Outcome:
            proposal = propose()
            plan = explain(proposal) if explain else proposal.plan
            outcome = Outcome(plan=plan, recovered=recovered, reload_required=proposal.gateway.reload == "required")
            return outcome if proposal.plan.refusals else _carried_out(env, file, listener, proposal, outcome)

        return made_again(make, listener.notice)


def _carried_out(env: Environment, file: Path, listener: Listener, proposal: Proposal, outcome: Outcome) -> Outcome:
    inputs = _inputs_if_it_may_go_back(file, proposal)
    outcome = replace(outcome, warnings=tuple(commit(env, proposal, listener.progress)))
    for written in proposal.inputs:
        if written.is_written:
            listener.notice(written.said)
    outcome = replace(outcome, reload=_told(env, proposal, outcome.recovered))
    if inputs and outcome.reload_failed and outcome.reload and outcome.reload.state != "RestartNeeded":
        return replace(outcome, gone_back=_gone_back(env, file, listener, proposal, inputs))
    return outcome


def _told(env: Environment, proposal: Proposal, recovered: Recovered) -> Reload | None:
    if recovered is not Recovered.NONE:
        return reload_gateway(env, proposal.gateway)
    if proposal.plan.changes:
        return reload_gateway(env, proposal.gateway, _changed(proposal))
    return reload_if_missed(env, proposal.gateway, proposal.record)


def _inputs_if_it_may_go_back(file: Path, proposal: Proposal) -> Mapping[str, Digest]:
    """What a hold is set against if the gateway does not serve this change; nothing where the change then stays."""
    if not proposal.plan.changes or (proposal.gateway.reload, proposal.gateway.on_unhealthy) != (
        "required",
        "rollback",
    ):
        return {}
    writing = {written.path.absolute(): written.data for written in proposal.inputs if written.data is not None}
    return input_digests(file, proposal.record, writing)


def _gone_back(
    env: Environment, file: Path, listener: Listener, proposal: Proposal, inputs: Mapping[str, Digest]
) -> GoneBack | None:
    """Bring back the list before the change, which is still in force: the lock was held all the while."""
    number = proposal.record.generation
    back = propose_return(env, file, number, inputs)
    if back is None or back.plan.refusals or not back.plan.changes:
        return None
    commit(env, back, listener.progress)
    reload = reload_gateway(env, proposal.gateway, _changed(back))
    return GoneBack(to=number, generation=back.plan.generation + 1, reload=reload)


def _changed(proposal: Proposal) -> dict[ItemKey, Manifest | None]:
    """What each item that the plan touches says of itself: the old and the new must both permit a reload."""
    changed: dict[ItemKey, Manifest | None] = {}
    for action in proposal.plan.actions:
        before = proposal.record.items.get(action.key)
        manifests = [item.manifest for item in (action.after, before) if item is not None]
        changed[action.key] = min(manifests, key=lambda manifest: manifest.hot_reload, default=None)
    return changed
