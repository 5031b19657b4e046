"""Change: one pass under the mutex that applies what is proposed, and notifies the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from reconciler.apply.recovery import Recovered
from reconciler.errors import BusyError
from reconciler.fs import file_lock
from reconciler.fs.presence import is_there
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS, ItemKey
from reconciler.model.listener import Listener
from reconciler.model.plan import Action, ActionKind
from reconciler.model.record import ConfirmBy, Hold, Record
from reconciler.reconcile.changed import Changed
from reconciler.reconcile.commit import commit
from reconciler.reconcile.exclusive import exclusive, narrow, settle
from reconciler.reconcile.gateway import Reload, reload_gateway, reload_if_missed
from reconciler.reconcile.holds import is_awaited
from reconciler.reconcile.input_digest import input_digests
from reconciler.reconcile.inputs import made_again
from reconciler.reconcile.outcome import GoneBack, Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.rollback import Return, propose_return
from reconciler.store.state_files import read_record
from reconciler.store.write import write_record


def change(
    env: Environment, file: Path, listener: Listener, propose: Callable[[], Proposal], *, creates: bool = False
) -> Outcome:
    """One pass that changes the home: what ``propose`` plans is done, all of it or nothing.

    ``file`` is the desired state that the pass may read or write. Where another program changes it or its lock before
    the change, the pass is made again. Only a verb that installs ``creates`` a home. Errors say by their class whether
    anything was changed; see ``reconciler.errors``.
    """
    with exclusive(env, listener, creates=creates):
        env.phase("look for an interrupted change")
        recovered = settle(env, file)
        if recovered is not Recovered.NONE:
            listener.notice(f"an interrupted change was {recovered} first")
        _undo_if_left(env, file, listener)

        def make() -> Outcome:
            proposal = propose()
            outcome = Outcome(proposal=proposal, recovered=recovered)
            return outcome if proposal.plan.refusals else _committed(outcome, listener)

        return made_again(make, listener.notice)


def _committed(outcome: Outcome, listener: Listener) -> Outcome:
    proposal = outcome.proposal
    inputs = _inputs_if_it_may_go_back(proposal)
    outcome = replace(outcome, warnings=tuple(commit(proposal, listener.progress)))
    if proposal.plan.changes:
        narrow(proposal.state.home, listener.notice)
    for written in proposal.parts.inputs:
        if written.is_written:
            listener.notice(written.said)
    outcome = replace(outcome, reload=_reloaded(proposal, outcome.recovered))
    if inputs and outcome.reload_failed and outcome.reload and outcome.reload.state != "RestartNeeded":
        return replace(outcome, gone_back=_gone_back(proposal, listener, inputs))
    return outcome


def _reloaded(proposal: Proposal, recovered: Recovered) -> Reload | None:
    state = proposal.state
    if recovered is not Recovered.NONE:
        return reload_gateway(state.env, state.gateway)
    if proposal.plan.changes:
        return reload_gateway(state.env, state.gateway, _changed(proposal), _changed_servers(proposal))
    return reload_if_missed(state.env, state.gateway, state.record)


def _inputs_if_it_may_go_back(proposal: Proposal) -> Mapping[str, Digest]:
    """What a hold is set against if the gateway does not serve this change; nothing where the change then stays."""
    gateway = proposal.state.gateway
    if not proposal.plan.changes or (gateway.reload, gateway.on_unhealthy) != ("required", "rollback"):
        return {}
    writing = {one.path.absolute(): one.data for one in proposal.parts.inputs if one.data is not None}
    return input_digests(proposal.state.path, proposal.state.record, writing)


def _gone_back(proposal: Proposal, listener: Listener, inputs: Mapping[str, Digest]) -> GoneBack | None:
    """Bring back the list before the change, which is the last one: the mutex was held all the time."""
    state = proposal.state
    if not state.record.generation:
        return None  # the first change stays: there is nothing before it
    why = f"the gateway did not serve generation {state.record.generation + 1}"
    return _back(state.env, state.path, listener, Return(number=state.record.generation, why=why, inputs=inputs))


def _back(env: Environment, file: Path, listener: Listener, asked: Return) -> GoneBack | None:
    """Bring the list of an earlier generation back; ``None`` where that cannot be done, or nothing would change."""
    back = propose_return(env, file, asked)
    if back is None or back.plan.refusals or not back.plan.changes:
        return None
    commit(back, listener.progress)
    reload = reload_gateway(back.state.env, back.state.gateway, _changed(back), _changed_servers(back))
    generation, reason = back.plan.generation + 1, back.intent.pause.reason
    return GoneBack(to=asked.number, generation=generation, reason=reason, reload=reload)


def undo_unconfirmed(env: Environment, file: Path, listener: Listener, one: ConfirmBy) -> str:
    """Bring back what was there before a change that nobody confirmed; what was done, in words.

    The caller holds the mutex. Where it cannot be done the change stays, and a person has to look.
    """
    why = f"nobody confirmed generation {one.generation}"
    asked = Return(number=one.back_to, why=why, inputs=one.inputs, overwrite=True)
    back = _back(env, file, listener, asked)
    if back is not None:
        what = f"the items of generation {one.back_to} are back" if one.back_to else "what it installed is gone"
        return f"{why}: {what}; this is generation {back.generation}"
    home = Home(env.home)
    record, _ = read_record(home)
    hold = Hold(reason=f"{why}, and it could not be undone", generation=record.generation, inputs=one.inputs)
    write_record(home, replace(record, confirm_by=None, hold=hold))
    return f"{why}, and it could not be undone; 'llamagate rollback --dry-run' says why"


def _undo_if_left(env: Environment, file: Path, listener: Listener) -> None:
    """Undo a change that waits for a person and whose command is gone. ``BusyError`` where that still waits."""
    home = Home(env.home)
    if not is_there(home.confirm_lock):
        return
    one = read_record(home)[0].confirm_by
    if one is None:
        return
    if is_awaited(home, one, env.now):
        command = file_lock.holder(home.confirm_lock)
        raise BusyError(
            f"generation {one.generation} waits to be confirmed until {one.until}: {command}",
            advice="'llamagate confirm' keeps it; ending that command undoes it",
        )
    listener.notice(undo_unconfirmed(env, file, listener, one))


def _changed(proposal: Proposal) -> dict[ItemKey, Changed]:
    """What the plan changes, as it is after it and was before."""
    actions = (action for action in proposal.plan.actions if action.key.kind in PACKAGE_KINDS)
    return {action.key: _changed_by(action, proposal.state.record) for action in actions}


def _changed_servers(proposal: Proposal) -> list[str]:
    """The tool servers whose entries the plan wrote."""
    return [action.key.id for action in proposal.plan.actions if action.edits]


def _changed_by(action: Action, record: Record) -> Changed:
    recorded, after = record.items.get(action.key), action.after
    before = after if action.action is ActionKind.ADOPT else recorded  # adopted as it was
    return Changed(
        key=action.key,
        manifests=tuple(item.manifest for item in (after, recorded) if item is not None),
        before=before.route if before else None,
        had_endpoints=before is not None and before.manifest.has_endpoints,
        is_by_pass=True,
    )
