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
from reconciler.model.listener import Progress
from reconciler.model.plan import Action
from reconciler.model.record import Record, RecordedFile
from reconciler.model.registry import Registry, registry_time
from reconciler.planning.outcome import next_record, registry_edits
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.target import realised
from reconciler.reconcile.write import look_again, writing_inputs
from reconciler.resolve.resolved import open_resolved
from reconciler.store.state_files import generation_bytes, record_bytes
from reconciler.store.write import write_record


def commit(env: Environment, proposal: Proposal, progress: Progress) -> list[str]:
    """The transaction; or, where only our notes change, those. Returns warnings.

    ``InputChangedError`` where an input is no longer what the plan was made from; then nothing was changed. That is
    proposal at before the packages are staged, too, since a failed transaction drops what was fetched for it.
    """
    if not proposal.plan.changes:
        with writing_inputs(proposal.inputs):
            _note(proposal)
        return []
    look_again(proposal.inputs)
    rewriting = [action for action in proposal.plan.actions if action.rewrites and action.after]
    policy = proposal.intent.policy
    with transaction(proposal.home, proposal.record.generation + 1) as change:
        staged: dict[ItemKey, Mapping[str, RecordedFile]] = {}
        for done, action in enumerate(rewriting):
            progress("staging", done, len(rewriting))
            staged[action.key] = _staged(env, proposal, action, change)
        progress("staging", len(rewriting), len(rewriting))
        for action in proposal.plan.actions:
            if _is_new_as_it_stands(action, proposal.record):
                opened = open_resolved(proposal.resolved[action.key], proposal.home, policy.limits)
                change.keep_package(action.key, opened.package, opened.content)
        before = _with_switches(_with_sources(proposal), proposal.observed.registry)
        record = next_record(before, proposal.plan, proposal.intent, staged)
        documents = _documents(env, proposal, replace(record, documents=proposal.documents))
        return change.commit(
            proposal.plan.actions, documents, Keeping(backups=policy.backups, generations=policy.generations)
        )


def _is_new_as_it_stands(action: Action, record: Record) -> bool:
    """Whether a package comes into the record without being written: one that was found there."""
    if action.after is None or action.rewrites:
        return False
    recorded = record.items.get(action.key)
    return recorded is None or recorded.tree != action.after.tree


def _staged(env: Environment, proposal: Proposal, action: Action, change: Transaction) -> Mapping[str, RecordedFile]:
    wanted = proposal.intent.wanted[action.key]
    opened = open_resolved(proposal.resolved[action.key], proposal.home, proposal.intent.policy.limits)
    if wanted.backup is not None:
        change.stage_backup(action.key, wanted.backup.generation, opened.package, opened.content)
        return {}
    carried = proposal.carried.get(action.key)
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


def _documents(env: Environment, proposal: Proposal, record: Record) -> Documents:
    edits = registry_edits(proposal.plan, proposal.intent, proposal.observed, env.now)
    applied_at = registry_time(env.now)
    generation = generation_of(record, applied_at=applied_at, command=env.command, list_of=proposal.list_of)
    return Documents(
        edits=edits.edits,
        before=edits.before,
        rebuilt=tuple(proposal.observed.registry.entries.values()) if proposal.observed.corrupt else None,
        record=_text(record_bytes(record)),
        previous_record=None if proposal.previous_record is None else _text(proposal.previous_record),
        generation_text=_text(generation_bytes(generation)),
        inputs=proposal.inputs,
    )


def _text(document: bytes) -> str:
    """One of our documents for the journal; a path in it may hold bytes that are no UTF-8."""
    return document.decode("utf-8", "surrogatepass")


def _note(proposal: Proposal) -> None:
    record = _with_switches(_with_sources(proposal), proposal.observed.registry)
    if proposal.intent.speaks_for is not None:
        record = replace(record, owners={**record.owners, proposal.intent.speaks_for: proposal.intent.file})
    if proposal.intent.ends_hold:
        record = replace(record, hold=None)
    if proposal.previous_record is not None and proposal.documents:
        record = replace(record, documents=proposal.documents)
    if record != proposal.record:
        write_record(proposal.home, record)


def _with_sources(proposal: Proposal) -> Record:
    """The record, naming what changes no file: where the file takes an item from now, and what it depends on."""
    moved = {
        key: replace(recorded, source=wanted.source, source_stamp=wanted.source_stamp, depends_on=wanted.depends_on)
        for key, wanted in proposal.intent.wanted.items()
        if (recorded := proposal.record.items.get(key)) is not None
        and (recorded.owner, recorded.tree) == (proposal.intent.speaks_for, wanted.tree)
        and (recorded.source, recorded.depends_on) != (wanted.source, wanted.depends_on)
    }
    return replace(proposal.record, items={**proposal.record.items, **moved}) if moved else proposal.record


def _with_switches(record: Record, registry: Registry) -> Record:
    """The record, each item enabled as the registry has it now: others switch items there, and generations list it."""
    switched = {
        key: replace(item, enabled=entry.enabled)
        for key, item in record.items.items()
        if (entry := registry.get(key)) is not None and entry.enabled != item.enabled
    }
    return replace(record, items={**record.items, **switched}) if switched else record
