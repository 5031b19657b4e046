"""Carry out a plan: the transaction, with all that it is given; or, where only our notes change, those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.apply.stage import NewTree
from reconciler.apply.transaction import Documents, Keeping, Transaction, transaction
from reconciler.model.config import env_references
from reconciler.model.environment import Environment
from reconciler.model.generation import generation_of
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action
from reconciler.model.record import Record, RecordedFile
from reconciler.model.registry import Registry, registry_time
from reconciler.planning.outcome import next_record, registry_edits
from reconciler.reconcile.looking import Looked
from reconciler.reconcile.progress import Progress
from reconciler.reconcile.wanting import realised
from reconciler.reconcile.writing import look_again, write_record, writing_inputs
from reconciler.sources.resolved import open_resolved
from reconciler.store.state_files import generation_bytes, record_bytes


def carry_out(env: Environment, looked: Looked, progress: Progress) -> list[str]:
    """The transaction; or, where only our notes change, those. Returns warnings.

    ``InputChangedError`` where an input is no longer what the plan was made from; then nothing was changed. That is
    looked at before the packages are staged, too, since a failed transaction drops what was fetched for it.
    """
    if not looked.plan.changes:
        with writing_inputs(looked.inputs):
            _note(looked)
        return []
    look_again(looked.inputs)
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
        inputs=looked.inputs,
    )


def _text(document: bytes) -> str:
    """One of our documents for the journal; a path in it may hold bytes that are no UTF-8."""
    return document.decode("utf-8", "surrogatepass")


def _note(looked: Looked) -> None:
    record = _with_switches(_with_sources(looked), looked.observed.registry)
    if looked.intent.speaks_for is not None:
        record = replace(record, owners={**record.owners, looked.intent.speaks_for: looked.intent.file})
    if looked.intent.ends_hold:
        record = replace(record, hold=None)
    if looked.previous_record is not None and looked.documents:
        record = replace(record, documents=looked.documents)
    if record != looked.record:
        write_record(looked.home, record)


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
