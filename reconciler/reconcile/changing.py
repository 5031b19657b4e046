"""Change: one pass that makes the home match the plan, under the lock, and tells the gateway."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.apply.stage import NewTree
from reconciler.apply.transaction import Documents, Keeping, storage_error, transaction
from reconciler.errors import PlanStaleError, StorageError
from reconciler.fs import durable, file_lock
from reconciler.gateway.refresh import DEFAULT_URL, Reload, refresh
from reconciler.model.config import JsonObject, env_references
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action, ActionKind, Plan
from reconciler.model.record import Record, RecordedFile, generation_document
from reconciler.model.registry import registry_time
from reconciler.planning.outcome import next_record, registry_edits
from reconciler.reconcile.looking import Looked, Options, Pins, look, look_at_pins, realised
from reconciler.reconcile.progress import Notice, Progress, no_progress
from reconciler.sources.resolve import open_resolved
from reconciler.store.desired_file import lock_bytes, lock_path
from reconciler.store.state_files import generation_bytes, read_record, record_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an apply did; nothing where the plan holds refusals. ``reload`` is ``None`` where no gateway was told."""

    plan: Plan
    recovered: Recovered
    reload_required: bool = False
    warnings: tuple[str, ...] = ()
    reload: Reload | None = None

    @property
    def reload_failed(self) -> bool:
        """Whether a gateway that must be reloaded was not."""
        return self.reload_required and self.reload is not None and not self.reload.reloaded

    def document(self) -> JsonObject:
        """The plan's document, with the generation that is now in force and what went wrong afterwards."""
        document = self.plan.to_document()
        applied = self.plan.changes and not self.plan.refusals
        document["generation"] = self.plan.generation + applied
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
    """One pass that changes the home. ``saved`` is the fingerprint of a saved plan that it must equal.

    Errors say by their class whether anything was changed; see ``reconciler.errors``.
    """
    home = Home(env.home)
    with exclusive(env, watch):
        recovered = _settle(home, options.file)
        if recovered is not Recovered.NONE:
            watch.notice(f"an interrupted change was {recovered} first")
        looked = look(env, options, watch.progress)
        if saved and looked.plan.fingerprint() != saved:
            raise PlanStaleError("what would be done now is not what the saved plan says")
        plan = explain(looked) if explain else looked.plan
        outcome = Outcome(plan=plan, recovered=recovered, reload_required=looked.intent.reload_required)
        if looked.plan.refusals:
            return outcome
        outcome = replace(outcome, warnings=tuple(_carry_out(env, looked, watch.progress)))
        if looked.pins.changed:
            watch.notice(_renewed(looked))
        settings = looked.file.desired.gateway
        if looked.plan.changes or recovered is not Recovered.NONE:
            return replace(outcome, reload=tell_gateway(env, settings))
        return replace(outcome, reload=_tell_again(env, settings, looked.record))


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
        recovered = _settle(home, file)
        reload = tell_gateway(env, gateway) if recovered is not Recovered.NONE else None
        if reload is not None:
            watch.notice(reload.message)
        return recovered


def _settle(home: Home, file: Path) -> Recovered:
    """Finish or undo what a crash left, in the home and beside ``file``."""
    try:
        durable.discard_temporary(lock_path(file))
    except OSError as error:
        raise storage_error(error, "what an interrupted command left could not be removed") from error
    return recovery.recover(home)


def write_lock(env: Environment, file: Path, progress: Progress = no_progress) -> Pins:
    """Pin what is new or changed in the file. The home is not touched."""
    pins = look_at_pins(env, file, progress)
    if pins.changed:
        _write(lock_path(file), lock_bytes(pins.lock))
    return pins


@contextmanager
def exclusive(env: Environment, watch: Watch) -> Iterator[None]:
    """One writer at a time, across processes."""
    home = Home(env.home)
    try:
        durable.make_folders(home.ours)
        mode = home.ours.stat().st_mode
    except OSError as error:
        raise storage_error(error, "nothing was changed") from error
    if mode & stat.S_IWOTH:
        watch.notice(f"everyone can write to {home.ours}; 'chmod o-w {home.ours}' mends that")
    with file_lock.exclusive(home.lock, command=env.command, wait=watch.wait, notice=watch.notice):
        yield


def tell_gateway(env: Environment, settings: GatewaySettings) -> Reload | None:
    """One refresh call where a gateway may be, and a note that it was told. The caller holds the lock.

    Where the note cannot be written, the gateway is told once more another time.
    """
    url = settings.url or (DEFAULT_URL if env.is_own_home else None)
    if settings.reload == "off" or url is None:
        return None
    outcome = refresh(url, env.variables.get(settings.api_key_env), key_name=settings.api_key_env)
    home = Home(env.home)
    record, _ = read_record(home)
    if outcome.reloaded and record.told_generation != record.generation:
        with suppress(StorageError):
            _write(home.record, record_bytes(replace(record, told_generation=record.generation)))
    return outcome


def _tell_again(env: Environment, settings: GatewaySettings, record: Record) -> Reload | None:
    """For a pass that changed nothing: a gateway that did not take the last call is told now.

    That nobody listens is no news then, unless a gateway is required: it will read the change when it starts.
    """
    if record.told_generation == record.generation:
        return None
    outcome = tell_gateway(env, settings)
    return outcome if outcome is not None and (outcome.again or settings.reload == "required") else None


def _renewed(looked: Looked) -> str:
    count = len(looked.pins.stale)
    if not count:
        return f"wrote {lock_path(looked.file.path)} anew: it said the same in other words"
    return f"wrote {lock_path(looked.file.path)}: {count} {'entry' if count == 1 else 'entries'} renewed"


def _carry_out(env: Environment, looked: Looked, progress: Progress) -> list[str]:
    """The transaction; or, where only our notes change, those. Returns warnings."""
    if not looked.plan.changes:
        _note(looked)
        return []
    rewriting = [action for action in looked.plan.actions if action.rewrites and action.after]
    with transaction(looked.home, looked.record.generation + 1) as change:
        staged: dict[ItemKey, dict[str, RecordedFile]] = {}
        for done, action in enumerate(rewriting):
            progress("staging", done, len(rewriting))
            staged[action.key] = dict(change.stage_item(action.key, _new_tree(env, looked, action)))
        progress("staging", len(rewriting), len(rewriting))
        for action in looked.plan.actions:
            if action.action is ActionKind.ADOPT and not action.rewrites:
                adopted = open_resolved(looked.resolved[action.key], looked.home, looked.intent.policy.limits)
                change.keep_package(action.key, adopted.package, adopted.content)
        record = next_record(_with_sources(looked), looked.plan, looked.intent, staged)
        documents = _documents(env, looked, replace(record, documents=looked.documents))
        policy = looked.intent.policy
        return change.commit(
            looked.plan.actions, documents, Keeping(backups=policy.backups, generations=policy.generations)
        )


def _documents(env: Environment, looked: Looked, record: Record) -> Documents:
    edits = registry_edits(looked.plan, looked.intent, looked.observed, env.now)
    applied_at = registry_time(env.now)
    return Documents(
        edits=edits.edits,
        before=edits.before,
        rebuilt=tuple(looked.observed.registry.entries.values()) if looked.observed.corrupt else None,
        record=_text(record_bytes(record)),
        previous_record=None if looked.previous_record is None else _text(looked.previous_record),
        generation_text=_text(generation_bytes(generation_document(record, applied_at=applied_at))),
        lock=(lock_path(looked.file.path), lock_bytes(looked.pins.lock)) if looked.pins.changed else None,
    )


def _text(document: bytes) -> str:
    """One of our documents for the journal; a path in it may hold bytes that are no UTF-8."""
    return document.decode("utf-8", "surrogatepass")


def _note(looked: Looked) -> None:
    if looked.pins.changed:
        _write(lock_path(looked.file.path), lock_bytes(looked.pins.lock))
    record = replace(_with_sources(looked), hold=None)
    if record != looked.record:
        _write(looked.home.record, record_bytes(record))


def _with_sources(looked: Looked) -> Record:
    """The record, naming where the file takes each item from now: the same package may have moved."""
    moved = {
        key: replace(recorded, source=wanted.source, source_stamp=wanted.source_stamp)
        for key, wanted in looked.intent.wanted.items()
        if (recorded := looked.record.items.get(key)) is not None
        and (recorded.owner, recorded.tree) == (looked.intent.owner, wanted.tree)
        and recorded.source != wanted.source
    }
    return replace(looked.record, items={**looked.record.items, **moved}) if moved else looked.record


def _new_tree(env: Environment, looked: Looked, action: Action) -> NewTree:
    opened = open_resolved(looked.resolved[action.key], looked.home, looked.intent.policy.limits)
    config = looked.intent.wanted[action.key].config
    return NewTree(
        package=opened.package,
        content=opened.content,
        realised=realised(env, opened, config),
        keep=action.keep,
        brought=action.brought,
        private=any(env_references(config)),
    )


def _write(path: Path, data: bytes) -> None:
    try:
        durable.write_file(path, data)
    except OSError as error:
        raise storage_error(error, "it was not written") from error
