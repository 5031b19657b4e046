"""Change: one pass that makes the home match the plan, under the lock, and tells the gateway."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.apply import recovery
from reconciler.apply.recovery import Recovered
from reconciler.apply.stage import NewTree
from reconciler.apply.transaction import Documents, Keeping, Transaction, storage_error, transaction
from reconciler.errors import PlanStaleError, StorageError
from reconciler.fs import durable, file_lock
from reconciler.gateway.refresh import Reload, address_of, refresh
from reconciler.model.config import JsonObject, env_references
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.generation import generation_of
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action, Plan
from reconciler.model.record import Hold, Record, RecordedFile
from reconciler.model.registry import Registry, registry_time
from reconciler.planning.outcome import next_record, registry_edits
from reconciler.reconcile.looking import Looked, Options, look, realised
from reconciler.reconcile.progress import Notice, Progress, no_progress
from reconciler.sources.resolved import open_resolved
from reconciler.store.desired_file import lock_path
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

    ``file`` is the desired state that the pass may read or write. Errors say by their class whether anything was
    changed; see ``reconciler.errors``.
    """
    with exclusive(env, watch):
        recovered = settle(Home(env.home), file)
        if recovered is not Recovered.NONE:
            watch.notice(f"an interrupted change was {recovered} first")
        looked = look()
        plan = explain(looked) if explain else looked.plan
        outcome = Outcome(plan=plan, recovered=recovered, reload_required=looked.gateway.reload == "required")
        if looked.plan.refusals:
            return outcome
        outcome = replace(outcome, warnings=tuple(_carry_out(env, looked, watch.progress)))
        for written in looked.inputs:
            watch.notice(written.said)
        if looked.plan.changes or recovered is not Recovered.NONE:
            return replace(outcome, reload=tell_gateway(env, looked.gateway))
        return replace(outcome, reload=_tell_again(env, looked.gateway, looked.record))


def resume(env: Environment, file: Path, watch: Watch) -> Hold | None:
    """End the hold, if there is one; returns it."""
    home = Home(env.home)
    with exclusive(env, watch):
        settle(home, file)
        record, _ = read_record(home)
        if record.hold is not None:
            _write(home.record, record_bytes(replace(record, hold=None)))
        return record.hold


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
    """Finish or undo what a crash left, in the home and beside ``file``."""
    try:
        for path in (lock_path(file), file):
            durable.discard_temporary(path)
    except OSError as error:
        raise storage_error(error, "what an interrupted command left could not be removed") from error
    return recovery.recover(home)


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
    url = address_of(settings, is_own_home=env.is_own_home)
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


def _carry_out(env: Environment, looked: Looked, progress: Progress) -> list[str]:
    """The transaction; or, where only our notes change, those. Returns warnings."""
    if not looked.plan.changes:
        _note(looked)
        return []
    rewriting = [action for action in looked.plan.actions if action.rewrites and action.after]
    policy = looked.intent.policy
    with transaction(looked.home, looked.record.generation + 1) as change:
        staged: dict[ItemKey, Mapping[str, RecordedFile]] = {}
        for done, action in enumerate(rewriting):
            progress("staging", done, len(rewriting))
            staged[action.key] = _staged(env, looked, action, change)
        progress("staging", len(rewriting), len(rewriting))
        for action in looked.plan.actions:
            if _is_new_as_it_stands(action, looked.record):
                opened = open_resolved(looked.resolved[action.key], looked.home, policy.limits)
                change.keep_package(action.key, opened.package, opened.content)
        before = _with_switches(_with_sources(looked), looked.observed.registry)
        record = next_record(before, looked.plan, looked.intent, staged)
        documents = _documents(env, looked, replace(record, documents=looked.documents))
        return change.commit(
            looked.plan.actions, documents, Keeping(backups=policy.backups, generations=policy.generations)
        )


def _is_new_as_it_stands(action: Action, record: Record) -> bool:
    """Whether a package comes into the record without being written: one that was found there."""
    if action.after is None or action.rewrites:
        return False
    recorded = record.items.get(action.key)
    return recorded is None or recorded.tree != action.after.tree


def _staged(env: Environment, looked: Looked, action: Action, change: Transaction) -> Mapping[str, RecordedFile]:
    wanted = looked.intent.wanted[action.key]
    opened = open_resolved(looked.resolved[action.key], looked.home, looked.intent.policy.limits)
    if wanted.backup is not None:
        change.stage_backup(action.key, wanted.backup.generation, opened.package, opened.content)
        return {}
    carried = looked.carried.get(action.key)
    tree = NewTree(
        package=opened.package,
        content=opened.content,
        realised=realised(env, opened, wanted.config),
        keep=action.keep | carried.keep if carried else action.keep,
        brought=(action.brought | carried.brought) - carried.keep if carried else action.brought,
        carried_from=carried.folder if carried else None,
        private=any(env_references(wanted.config)),
    )
    return change.stage_item(action.key, tree)


def _documents(env: Environment, looked: Looked, record: Record) -> Documents:
    edits = registry_edits(looked.plan, looked.intent, looked.observed, env.now)
    applied_at = registry_time(env.now)
    generation = generation_of(record, applied_at=applied_at, command=env.command, list_of=looked.list_of)
    return Documents(
        edits=edits.edits,
        before=edits.before,
        rebuilt=tuple(looked.observed.registry.entries.values()) if looked.observed.corrupt else None,
        record=_text(record_bytes(record)),
        previous_record=None if looked.previous_record is None else _text(looked.previous_record),
        generation_text=_text(generation_bytes(generation)),
        inputs=tuple((written.path, written.data) for written in looked.inputs),
    )


def _text(document: bytes) -> str:
    """One of our documents for the journal; a path in it may hold bytes that are no UTF-8."""
    return document.decode("utf-8", "surrogatepass")


def _note(looked: Looked) -> None:
    for written in looked.inputs:
        _write(written.path, written.data)
    record = _with_switches(_with_sources(looked), looked.observed.registry)
    if looked.intent.speaks_for is not None:
        record = replace(record, owners={**record.owners, looked.intent.speaks_for: looked.intent.file})
    if looked.intent.ends_hold:
        record = replace(record, hold=None)
    if looked.previous_record is not None and looked.documents:
        record = replace(record, documents=looked.documents)
    if record != looked.record:
        _write(looked.home.record, record_bytes(record))


def _with_sources(looked: Looked) -> Record:
    """The record, naming what changes no file: where the file takes an item from now, and what it depends on."""
    moved = {
        key: replace(recorded, source=wanted.source, source_stamp=wanted.source_stamp, depends_on=wanted.depends_on)
        for key, wanted in looked.intent.wanted.items()
        if (recorded := looked.record.items.get(key)) is not None
        and (recorded.owner, recorded.tree) == (looked.intent.speaks_for, wanted.tree)
        and (recorded.source, recorded.depends_on) != (wanted.source, wanted.depends_on)
    }
    return replace(looked.record, items={**looked.record.items, **moved}) if moved else looked.record


def _with_switches(record: Record, registry: Registry) -> Record:
    """The record, each item enabled as the registry has it now: others switch items there, and generations list it."""
    switched = {
        key: replace(item, enabled=entry.enabled)
        for key, item in record.items.items()
        if (entry := registry.get(key)) is not None and entry.enabled != item.enabled
    }
    return replace(record, items={**record.items, **switched}) if switched else record


def _write(path: Path, data: bytes) -> None:
    try:
        durable.write_file(path, data, mode=durable.mode_of(path))
    except OSError as error:
        raise storage_error(error, "it was not written") from error
