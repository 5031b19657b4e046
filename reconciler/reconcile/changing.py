"""Change: one pass that makes the home match the plan, under the lock, and tells the gateway."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.apply.transaction import storage_error
from reconciler.errors import LlamagateError, NotReloadedError, PlanStaleError, RolledBackError
from reconciler.fs import durable, file_lock
from reconciler.gateway.call import Cause
from reconciler.model.config import JsonObject
from reconciler.model.desired import GatewaySettings
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.package import Manifest
from reconciler.model.plan import Plan
from reconciler.reconcile.carrying_out import carry_out
from reconciler.reconcile.inputs import input_digests
from reconciler.reconcile.looking import Looked, Options, look
from reconciler.reconcile.progress import Notice, Progress, no_progress
from reconciler.reconcile.telling import Reload, tell_again, tell_gateway
from reconciler.reconcile.undoing import look_back
from reconciler.reconcile.writing import made_again
from reconciler.store.desired_file import lock_path

_NOT_SERVED: Final = {"NotSeen": "may not serve it", "RestartNeeded": "must be restarted to serve it"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneBack:
    """A change that a required gateway did not serve was taken back: the list of generation ``to`` is in force again.

    It is ``generation`` now, and a hold keeps it. ``reload`` tells how the gateway took that.
    """

    to: int
    generation: int
    reload: Reload | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an apply did; nothing where the plan holds refusals. ``reload`` is ``None`` where no gateway was told."""

    plan: Plan
    recovered: Recovered
    reload_required: bool = False
    warnings: tuple[str, ...] = ()
    reload: Reload | None = None
    gone_back: GoneBack | None = None

    @property
    def reload_failed(self) -> bool:
        """Whether a gateway that must serve the change does not."""
        return self.reload_required and self.reload is not None and not self.reload.reloaded

    @property
    def reload_error(self) -> LlamagateError | None:
        """What to say where a gateway that must serve the change does not."""
        if self.gone_back is not None:
            return RolledBackError(
                f"the gateway does not serve the change: the list of generation {self.gone_back.to} was brought back "
                f"as generation {self.gone_back.generation}, and a hold keeps it",
                advice="mend the cause; a new input, an apply or 'llamagate resume' ends the hold",
            )
        if not self.reload_failed:
            return None
        state = self.reload.state if self.reload else None
        what = "was not reloaded" if isinstance(state, Cause) else _NOT_SERVED.get(state or "", "does not serve it")
        return NotReloadedError(f"all is applied, but the gateway {what}, and 'reload: required' is set")

    @property
    def generation(self) -> int:
        """The generation that is in force now."""
        if self.gone_back is not None:
            return self.gone_back.generation
        return self.plan.generation + (self.plan.changes and not self.plan.refusals)

    def document(self) -> JsonObject:
        """The plan's document, with the generation that is now in force and what went wrong afterwards."""
        document = self.plan.to_document()
        document["generation"] = self.generation
        document["warnings"] = [*self.plan.warnings, *self.warnings]
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a pass speaks to whoever waits for it. ``wait``: seconds that it waits for another writer."""

    wait: float
    notice: Notice
    progress: Progress = no_progress


Explain = Callable[[Looked], Plan]
"""Fills in what changes inside each package, while the old one is still there."""


def apply(
    env: Environment, options: Options, watch: Watch, *, saved: str = "", explain: Explain | None = None
) -> Outcome:
    """One pass over a desired state. ``saved`` is the fingerprint of a saved plan that it must equal."""

    def look_again() -> Looked:
        looked = look(env, options, watch.progress)
        if saved and looked.plan.fingerprint() != saved:
            raise PlanStaleError("what would be done now is not what the saved plan says")
        return looked

    return change(env, options.file, watch, look_again, explain=explain)


def change(
    env: Environment, file: Path, watch: Watch, look: Callable[[], Looked], *, explain: Explain | None = None
) -> Outcome:
    """One pass that changes the home: what ``look`` then plans is done, all of it or nothing.

    ``file`` is the desired state that the pass may read or write. Where another program changes it or its lock before
    the change, the pass is made again. Errors say by their class whether anything was changed; see
    ``reconciler.errors``.
    """
    with exclusive(env, watch):
        recovered = settle(Home(env.home), file)
        if recovered is not Recovered.NONE:
            watch.notice(f"an interrupted change was {recovered} first")

        def make() -> Outcome:
            looked = look()
            plan = explain(looked) if explain else looked.plan
            outcome = Outcome(plan=plan, recovered=recovered, reload_required=looked.gateway.reload == "required")
            return outcome if looked.plan.refusals else _carried_out(env, file, watch, looked, outcome)

        return made_again(make, watch.notice)


def _carried_out(env: Environment, file: Path, watch: Watch, looked: Looked, outcome: Outcome) -> Outcome:
    inputs = _inputs_if_it_may_go_back(file, looked)
    outcome = replace(outcome, warnings=tuple(carry_out(env, looked, watch.progress)))
    for written in looked.inputs:
        if written.is_written:
            watch.notice(written.said)
    outcome = replace(outcome, reload=_told(env, looked, outcome.recovered))
    if inputs and outcome.reload_failed and outcome.reload and outcome.reload.state != "RestartNeeded":
        return replace(outcome, gone_back=_gone_back(env, file, watch, looked, inputs))
    return outcome


def _told(env: Environment, looked: Looked, recovered: Recovered) -> Reload | None:
    if recovered is not Recovered.NONE:
        return tell_gateway(env, looked.gateway)
    if looked.plan.changes:
        return tell_gateway(env, looked.gateway, _changed(looked))
    return tell_again(env, looked.gateway, looked.record)


def _inputs_if_it_may_go_back(file: Path, looked: Looked) -> Mapping[str, Digest]:
    """What a hold is set against if the gateway does not serve this change; nothing where the change then stays."""
    if not looked.plan.changes or (looked.gateway.reload, looked.gateway.on_unhealthy) != ("required", "rollback"):
        return {}
    writing = {written.path.absolute(): written.data for written in looked.inputs if written.data is not None}
    return input_digests(file, looked.record, writing)


def _gone_back(
    env: Environment, file: Path, watch: Watch, looked: Looked, inputs: Mapping[str, Digest]
) -> GoneBack | None:
    """Bring back the list before the change, which is still in force: the lock was held all the while."""
    number = looked.record.generation
    back = look_back(env, file, number, inputs)
    if back is None or back.plan.refusals or not back.plan.changes:
        return None
    carry_out(env, back, watch.progress)
    reload = tell_gateway(env, looked.gateway, _changed(back))
    return GoneBack(to=number, generation=back.plan.generation + 1, reload=reload)


def _changed(looked: Looked) -> dict[ItemKey, Manifest | None]:
    """What each item that the plan touches says of itself: the old and the new must both permit a reload."""
    changed: dict[ItemKey, Manifest | None] = {}
    for action in looked.plan.actions:
        before = looked.record.items.get(action.key)
        manifests = [item.manifest for item in (action.after, before) if item is not None]
        changed[action.key] = min(manifests, key=lambda manifest: manifest.hot_reload, default=None)
    return changed


def recover(
    env: Environment, file: Path, gateway: GatewaySettings, watch: Watch, *, abandon: bool = False
) -> Recovered:
    """Settle what a crash left, also beside ``file``, and nothing else. ``abandon`` keeps everything as it is."""
    home = Home(env.home)
    with exclusive(env, watch):
        if abandon:
            kept = recovery.abandon(home)
            if kept is not None:
                watch.notice(f"the journal and the staged files of the interrupted change are kept in {kept}")
            return Recovered.NONE
        recovered = settle(home, file)
        reload = tell_gateway(env, gateway) if recovered is not Recovered.NONE else None
        if reload is not None:
            watch.notice(reload.message)
        return recovered


def settle(home: Home, file: Path) -> Recovered:
    """Finish or undo what a crash left, in the home and beside ``file``. The caller holds the lock."""
    try:
        for path in (lock_path(file), file):
            durable.discard_temporary(path)
    except OSError as error:
        raise storage_error(error, "what an interrupted command left could not be removed") from error
    return recovery.recover(home)


@contextmanager
def exclusive(env: Environment, watch: Watch) -> Iterator[None]:
    """One writer at a time, across processes."""
    prepare_home(env, watch.notice)
    with file_lock.exclusive(Home(env.home).lock, command=env.command, wait=watch.wait, notice=watch.notice):
        yield


def prepare_home(env: Environment, notice: Notice) -> None:
    """Make our folder, if it is not there yet, and tell who else could write into it."""
    home = Home(env.home)
    try:
        durable.make_folders(home.ours)
        mode = home.ours.stat().st_mode
    except OSError as error:
        raise storage_error(error, "nothing was changed") from error
    if mode & stat.S_IWOTH:
        notice(f"everyone can write to {home.ours}; 'chmod o-w {home.ours}' mends that")
