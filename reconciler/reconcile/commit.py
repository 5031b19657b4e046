"""Apply a plan: the transaction, with all that it is given; or, where only the record changes, that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from reconciler.apply.gateway_file import mode_before
from reconciler.apply.new_tree import NewTree
from reconciler.apply.transaction import Transaction, transaction
from reconciler.documents.generations import generation_bytes
from reconciler.documents.record import record_files
from reconciler.errors import telling
from reconciler.model.config import references
from reconciler.model.generation import Generation, generation_of
from reconciler.model.ids import ItemKey
from reconciler.model.journal import Journal
from reconciler.model.listener import Progress
from reconciler.model.note import Note
from reconciler.model.observed import ObservedItem
from reconciler.model.plan import Action
from reconciler.model.record import Hold, Record, RecordedFile, RecordItem
from reconciler.model.registry import Registry, registry_time
from reconciler.model.servers import GatewayFile, ServerChange
from reconciler.model.tools import is_accepted
from reconciler.observe.access import refuse_foreign_link
from reconciler.planning.intent import Intent
from reconciler.planning.next_state import next_record, registry_edits, server_change
from reconciler.reconcile.inputs import look_again, writing_inputs
from reconciler.reconcile.proposal import Proposal, needs_package
from reconciler.reconcile.target import realised
from reconciler.reconcile.unchanged import keep
from reconciler.store.write import write_record

_FRESH_NS: Final = 10**7
"""How coarse the times of a file system may be, in nanoseconds."""


def commit(proposal: Proposal, progress: Progress) -> list[Note]:
    """The transaction; or, where only the record changes, that. Returns warnings.

    ``InputChangedError`` where an input is no longer what the plan was made from; then nothing was changed. That is
    looked at before the packages are staged, too, since a failed transaction drops what was fetched for it.
    """
    inputs, state = proposal.parts.inputs, proposal.state
    if not proposal.plan.changes:
        with writing_inputs(inputs):
            notes = _note(proposal)
        if notes is None and not any(one.is_written for one in inputs):
            _keep(proposal)
        return notes or []
    state.env.phase("stage the packages")
    look_again(inputs)
    servers = _server_change(proposal)
    if servers is not None:
        with telling("nothing was changed"):
            refuse_foreign_link(state.home, state.home.gateway_file)
    rewriting = [action for action in proposal.plan.actions if action.rewrites and action.after]
    with transaction(state.home, state.record.generation + 1) as change:
        staged: dict[ItemKey, Mapping[str, RecordedFile]] = {}
        for done, action in enumerate(rewriting):
            progress("staging", done, len(rewriting))
            staged[action.key] = _staged(proposal, action, change)
            state.store.close(proposal.parts.resolved[action.key])
        progress("staging", len(rewriting), len(rewriting))
        for action in proposal.plan.actions:
            if needs_package(action, state.record) and not action.rewrites:
                change.keep_package(action.key, state.store.open(proposal.parts.resolved[action.key]))
        before = _as_found(proposal)
        record = replace(next_record(before, proposal.plan, proposal.intent, staged), documents=proposal.documents)
        record = replace(record, confirm_by=proposal.parts.confirm_by)
        policy = proposal.intent.rules.policy
        state.env.phase("change the home")
        files, previous = record_files(record), state.previous_record
        change.stage_documents(files, generation_bytes(_generation(proposal, record)), previous)
        return change.commit(proposal.plan.actions, _journal(proposal, record, files.head, servers), inputs, policy)


def _staged(proposal: Proposal, action: Action, change: Transaction) -> Mapping[str, RecordedFile]:
    target = proposal.intent.targets[action.key]
    opened = proposal.state.store.open(proposal.parts.resolved[action.key])
    if target.backup is not None:
        change.stage_backup(action.key, target.backup.generation, opened)
        return {}
    carried, recorded = proposal.parts.carried.get(action.key), proposal.state.record.items.get(action.key)
    tree = NewTree(
        opened=opened,
        realised=realised(proposal.state, opened, target.config),
        keep=action.keep | carried.keep if carried else action.keep,
        brought=(action.brought | carried.brought) - carried.keep if carried else action.brought,
        carried_from=carried.folder if carried else None,
        private=any(references(target.config)),
        was_private=any(references(recorded.config)) if recorded else False,
        executables=action.after.executables if target.executables is None and action.after else target.executables,
    )
    return change.stage_item(action.key, tree)


def _generation(proposal: Proposal, record: Record) -> Generation:
    env = proposal.state.env
    applied_at = registry_time(env.now)
    made = generation_of(record, applied_at=applied_at, command=env.command, list_of=proposal.parts.list_of)
    return replace(made, user=env.user, message=env.message)


def _server_change(proposal: Proposal) -> ServerChange | None:
    """What is written into the gateway's file, if anything is."""
    observed = proposal.observed
    mode = mode_before(proposal.state.home.gateway_file) if observed.gateway_file else None
    return server_change(proposal.plan, proposal.intent, proposal.state.record, observed, mode)


def _journal(proposal: Proposal, record: Record, head: bytes, servers: ServerChange | None) -> Journal:
    """All but its moves."""
    env, observed, previous = proposal.state.env, proposal.observed, proposal.state.previous_record
    edits, before = registry_edits(proposal.plan, proposal.intent, observed, env.now)
    return Journal(
        txn=f"{record.generation}",
        generation=record.generation,
        moves=(),
        edits=edits,
        before=before,
        rebuilt=tuple(observed.registry.entries.values()) if observed.corrupt else None,
        record=_text(head),
        previous_record=None if previous is None else _text(previous),
        servers=UNSET if servers is None else servers,
    )


def _text(document: bytes) -> str:
    """One of our documents for the journal; a path in it may hold bytes that are no UTF-8."""
    return document.decode("utf-8", "surrogatepass")


def _keep(proposal: Proposal) -> None:
    """The pass found nothing to do and wrote nothing: the next reader need not find that again."""
    plan, state = proposal.plan, proposal.state
    if proposal.looked is not None and not (plan.pending or plan.drift or plan.refusals or plan.expired):
        keep(state.env, state.path, *proposal.looked, plan)


def _note(proposal: Proposal) -> list[Note] | None:
    """Write what the pass has found into the record; warnings, or ``None`` where the record says that already."""
    state, speaker = proposal.state, proposal.intent.speaker
    record = _as_found(proposal)
    if speaker.speaks_for is not None:
        record = replace(record, owners={**record.owners, speaker.speaks_for: speaker.file})
    pause = proposal.intent.pause
    if pause.ends:
        record = replace(record, hold=None)
    if pause.reason:
        record = replace(record, hold=Hold(reason=pause.reason, generation=record.generation, inputs=pause.inputs))
    if state.previous_record is not None and proposal.documents:
        record = replace(record, documents=proposal.documents)
    if record == state.record:
        return None
    return write_record(state.home, record)


def _as_found(proposal: Proposal) -> Record:
    """The record with what is found to be otherwise and changes nothing."""
    observed = proposal.observed
    record = _with_switches(_with_stamps(_with_sources(proposal), proposal), observed.registry)
    return _with_tool_words(_with_server_switches(record, observed.gateway_file), proposal.intent)


def _with_tool_words(record: Record, intent: Intent) -> Record:
    """The record with the words of tools that the lock accepts, or accepts from now on since it had none."""
    seen = {
        key: replace(record.servers[key], tools=target.tools)
        for key, target in intent.servers.items()
        if key in record.servers
        and target.tools is not None
        and (target.accepted is None or all(is_accepted(tool, target.accepted) for tool in target.tools))
        and record.servers[key].tools != target.tools
    }
    return replace(record, servers={**record.servers, **seen}) if seen else record


def _with_sources(proposal: Proposal) -> Record:
    """The record, naming what changes no file: where the file takes an item from now, and what it depends on."""
    record = proposal.state.record
    moved = {
        key: replace(
            recorded,
            source=target.source,
            source_stamp=target.source_stamp,
            depends_on=target.depends_on,
            signed_by=target.signers or UNSET,
        )
        for key, target in proposal.intent.targets.items()
        if (recorded := record.items.get(key)) is not None
        and (recorded.owner, recorded.tree) == (proposal.intent.speaker.speaks_for, target.tree)
        and (recorded.source, recorded.source_stamp, recorded.depends_on, recorded.signers)
        != (target.source, target.source_stamp, target.depends_on, target.signers)
    }
    return replace(record, items={**record.items, **moved}) if moved else record


def _with_stamps(record: Record, proposal: Proposal) -> Record:
    """The record with the stamps under which files were read and found to be as written.

    A home that was restored or copied has other stamps on every file, and would be read whole by every pass. What was
    touched in the moment before the pass may still change without another stamp: it is read again.
    """
    settled = int(proposal.state.env.now.timestamp() * 10**9) - _FRESH_NS
    items = {
        key: replace(recorded, files={**recorded.files, **renewed})
        for key, found in proposal.observed.items.items()
        if (recorded := record.items.get(key)) is not None and (renewed := _renewed(recorded, found, settled))
    }
    return replace(record, items={**record.items, **items}) if items else record


def _renewed(recorded: RecordItem, found: ObservedItem, settled: int) -> dict[str, RecordedFile]:
    return {
        path: now
        for path, before in recorded.files.items()
        if (now := found.files.get(path)) is not None
        and now is not before
        and now != before
        and now.sha256 == before.sha256
        and now.ctime_ns > 0
        and max(now.ctime_ns, now.mtime_ns) < settled
    }


def _with_switches(record: Record, registry: Registry) -> Record:
    """The record, each item enabled as the registry has it now: others switch items there, and generations list it."""
    switched = {
        key: replace(item, enabled=entry.enabled)
        for key, item in record.items.items()
        if (entry := registry.get(key)) is not None and entry.enabled != item.enabled
    }
    return replace(record, items={**record.items, **switched}) if switched else record


def _with_server_switches(record: Record, file: GatewayFile | None) -> Record:
    """The same for tool servers, which others switch in the gateway's file."""
    switched = {
        key: replace(server, enabled=found.enabled)
        for key, server in record.servers.items()
        if file is not None and (found := file.get(key)) is not None and found.enabled is not server.enabled
    }
    return replace(record, servers={**record.servers, **switched}) if switched else record
