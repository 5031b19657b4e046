"""Propose: read everything, decide, and fetch what the plan needs. Of the home, only the cache is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.errors import LockStaleError
from reconciler.model.config import JsonObject, references
from reconciler.model.desired import place_of
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.environment import Environment
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind, id_problem, is_named
from reconciler.model.inputs import Input
from reconciler.model.listener import Progress, no_progress
from reconciler.model.lock import LockItem
from reconciler.model.note import Note
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.tools import Tool
from reconciler.model.unchanged import Covered
from reconciler.observe.home import observe, rebuilt_registry
from reconciler.planning.intent import Intent
from reconciler.planning.planner import make_plan
from reconciler.planning.signers import with_unsigned_indexes
from reconciler.reconcile.covered import Trusting, covered_by
from reconciler.reconcile.home_state import HomeState, ListedBy, read_home_state
from reconciler.reconcile.input_digest import input_digests
from reconciler.reconcile.intent import intent_of_file
from reconciler.reconcile.naming import check_listed
from reconciler.reconcile.options import Options
from reconciler.reconcile.proposal import Parts, Proposal, needs_package, with_refusals
from reconciler.reconcile.serving import gateway_of
from reconciler.reconcile.settled import NOTHING_SETTLED, settled_items
from reconciler.reconcile.target import needs_reading
from reconciler.reconcile.tool_servers import tools_of
from reconciler.reconcile.unchanged import Look, covers, look, may_be_kept
from reconciler.resolve.judged import nothing_asked
from reconciler.resolve.moves import gone_down
from reconciler.resolve.pins import Pins, entries_of, lock_of, partition, pins_of, with_locked_bits
from reconciler.resolve.resolve import Resolver, context_of, together
from reconciler.resolve.signatures import Signing, asker, fresh_signatures, judge_of, trust_of
from reconciler.store.desired_file import DesiredFile, read_desired
from reconciler.store.lock_file import LockFile, lock_path, read_lock
from reconciler.store.trust_file import trust_files

if TYPE_CHECKING:
    from reconciler.resolve.trusted import Trust


def propose(
    env: Environment,
    options: Options,
    progress: Progress = no_progress,
    *,
    keeps: bool = False,
    accepts_tools: bool = True,
) -> Proposal:
    """The plan of a pass over a file; every package that it needs is in the cache then, or at its local source.

    ``keeps``: where there is nothing to do, that may be kept (``reconcile.unchanged``). ``accepts_tools``: a person
    looks at the plan; else no server is asked for its tools, and what the lock has of them stays.

    ``InputError`` with every fault of the inputs; ``LockStaleError`` where ``options.locked`` forbids to re-pin.
    """
    env.phase("read the file and the home")
    state = replace(read_home_state(env, options.file, needs_file=True), knows_values=options.with_values)
    file = state.file or read_desired(options.file)  # the error that says that there is none
    check_listed(file, options.only | (options.allowances.take_over or frozenset()))
    lock = read_lock(lock_path(file.path, env.lock_file), known=state.record.documents)
    trust = trust_of(env, file, file.path.absolute().parent, old=lock, may_change=options.signer_change)
    # A text that is new to the record is written into it, and then nothing is kept.
    is_covered = file.is_known and covers(options) and not _asks_a_gateway(env, file)
    looks = keeps and is_covered and may_be_kept(env)
    looked = _looked(state, file, lock, trust) if looks else None
    settled = settled_items(state, file, lock, options) if trust is None and keeps else NOTHING_SETTLED
    asked = file.without(settled)
    context = context_of(env, file, progress, judge=judge_of(trust))
    resolver = Resolver(file=asked, record=state.record, store=state.store, context=context, lock_path=lock.path)
    env.phase("find the packages")
    parts = partition(asked.desired.items, _deciding(asked, lock, options))
    only = {item.key.id for item in asked.desired.items if is_named(item.key, options.only)} if options.only else None
    resolved = resolver.resolve(parts, only=only, locked=options.locked)
    entries = entries_of(asked, resolved, locked=options.locked)
    undecided = [] if options.downgrade else [item for item, _ in parts.undecided]
    if undecided and (errors := gone_down(undecided, lock.lock, entries)):
        raise together(asked, errors)
    ask = nothing_asked if options.locked else asker(context)
    judged = Signing(trust, fresh_signatures(resolved), ask, options.signer_change).judged(asked, lock, entries)
    tools = _tools(state, file, options) if accepts_tools else {}
    digests = {key: {one.name: one.digest for one in found} for key, found in tools.items()}
    pins = pins_of(file, lock, judged.entries, judged.catalogs, tools=digests, settled=settled)
    text = pins.data
    if options.locked:
        pins = _unchanged(pins)
    resolved = {key: replace(found, signed=judged.entries[key].signed) for key, found in resolved.items()}
    resolved = with_locked_bits(resolved, pins.lock)
    configs = {item.key: item.config for item in asked.desired.items}
    resolver.fetch_lost(found for key, found in resolved.items() if needs_reading(state, found, configs[key]))
    env.phase("make the plan")
    intent = _with_tools(intent_of_file(state, asked, options, resolved, settled), tools, lock)
    observed = observed_for(state, intent)
    plan = with_refusals(make_plan(intent, state.record, observed), judged.refusals)
    plan = replace(plan, actions=with_unsigned_indexes(plan.actions, asked.desired.items, judged.catalogs))
    resolver.fetch_lost(resolved[one.key] for one in plan.actions if needs_package(one, state.record))
    inputs = (*pins.inputs, *_gateway_inputs(plan, observed))
    needed = Parts(resolved=resolved, inputs=inputs, refused=judged.refusals, remarks=judged.notes)
    notes = [_nothing_listed(file)] if not (file.desired.keys or plan.changes or plan.refusals) else []
    notes += [] if options.with_values else _values_unknown(intent)
    return Proposal(
        state=state,
        intent=intent,
        observed=observed,
        plan=replace(plan, stale=pins.stale, warnings=(*notes, *plan.warnings, *needed.warnings)),
        parts=needed,
        # A narrowed pass does not know that every item fits; what is refused is looked at again.
        documents={} if options.only or judged.refusals else _known_documents(file, pins, text),
        looked=looked,
    )


def _asks_a_gateway(env: Environment, file: DesiredFile) -> bool:
    """Whether a gateway may know more than files tell: the tools of its servers."""
    settings = file.desired.gateway
    return bool(file.desired.servers) and settings.reload != "off" and gateway_of(env, settings) is not None


def _tools(state: HomeState, file: DesiredFile, options: Options) -> Mapping[ItemKey, tuple[Tool, ...]]:
    """The tools of the servers that are recorded and listed, as a running gateway says; of others nothing is known."""
    listed = [one.key for one in file.desired.servers if not options.only or is_named(one.key, options.only)]
    asked = [key for key in listed if key in state.record.servers]
    is_asked = asked and not state.env.offline and file.desired.gateway.reload != "off"
    gateway = gateway_of(state.env, file.desired.gateway) if is_asked else None
    return tools_of(gateway, asked) if gateway else {}


def _with_tools(intent: Intent, tools: Mapping[ItemKey, tuple[Tool, ...]], lock: LockFile) -> Intent:
    """The intent, knowing the tools that servers have now, and those that the lock has accepted."""
    servers = {
        key: replace(intent.servers[key], tools=found, accepted=lock.lock.accepted(key))
        for key, found in tools.items()
        if key in intent.servers
    }
    return replace(intent, servers={**intent.servers, **servers}) if servers else intent


def _deciding(file: DesiredFile, lock: LockFile, options: Options) -> Mapping[ItemKey, LockItem]:
    """The entries of the lock that say which package an item is."""
    if options.upgrade is None:
        return {}
    return {key: entry for key, entry in lock_of(file, lock).items() if not is_named(key, options.upgrade)}


def _looked(state: HomeState, file: DesiredFile, lock: LockFile, trust: Trust | None) -> tuple[Covered, Look] | None:
    """What decides the pass, as it is before anything else is read; what was read is not read again."""
    until = trust.until(lock.lock) if trust else 0
    covered = covered_by(state.home, state.record, file, lock.path, Trusting(trust_files(state.env, file), until))
    read = {
        str(file.path.absolute()): file.data,
        str(lock.path.absolute()): lock.data,
        str(state.home.record): state.previous_record,
    }
    try:
        return covered, look(state.home, covered, state.env.variables, read)
    except OSError:  # something is missing, and will be found to be
        return None


def _nothing_listed(file: DesiredFile) -> Note:
    message = f"{file.path} lists no items; add one below 'extensions:', or run 'llamagate import PACKAGE --save'"
    return Note(WarningCode.NOTHING_LISTED, message)


def _values_unknown(intent: Intent) -> list[Note]:
    """That values were not looked at, and of which items."""
    ids = [key.id for key, target in intent.targets.items() if any(references(target.config))]
    ids = sorted([*ids, *(key.id for key, server in intent.servers.items() if any(references(server.settings)))])
    if not ids:
        return []
    some = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
    message = f"values of variables and files were not read (--no-secrets); an apply may also change these: {some}"
    return [Note(WarningCode.VALUES_UNKNOWN, message)]


def propose_intent(state: HomeState, intent: Intent, parts: Parts | None = None) -> Proposal:
    """The plan of a command. Where a file says otherwise, the plan has a warning and sets a hold."""
    parts = parts or Parts()
    state.env.phase("make the plan")
    observed = observed_for(state, intent)
    plan = with_refusals(make_plan(intent, state.record, observed), parts.refused)
    plan = replace(plan, warnings=state.file_warnings + plan.warnings + parts.warnings)
    parts = replace(parts, inputs=(*parts.inputs, *_gateway_inputs(plan, observed)))
    if plan.changes or parts.against:
        intent = _holding(state, intent, parts.against)
    else:  # nothing changes, and no file says otherwise
        intent = replace(intent, pause=replace(intent.pause, reason=""))
    if intent.pause.reason and not plan.refusals:
        plan = replace(plan, warnings=(*plan.warnings, *_on_hold(state, parts.against)))
    return Proposal(
        state=state,
        intent=intent,
        observed=observed,
        plan=plan,
        parts=parts,
        documents={} if _is_listed(intent, state.record.documents) else state.record.documents,
    )


def _is_listed(intent: Intent, known: Mapping[Digest, JsonObject]) -> bool:
    """Whether one of the ``known`` files lists what a command brings or takes: that fitted it, and may no longer."""
    brought = (*intent.targets, *intent.servers, *intent.removals, *intent.entries)
    places = [place_of(key) for key in brought]
    return any(name in cast(JsonObject, file.get(section) or {}) for file in known.values() for section, name in places)


def observed_for(state: HomeState, intent: Intent) -> Observed:
    """The home, as far as ``intent`` needs it."""
    registry, recorded = state.registry_file, state.record.items
    rebuilt = rebuilt_registry(state.home, state.record, state.env.now) if registry.corrupt else registry.registry
    paths: dict[ItemKey, Collection[str]] = {key: target.files.keys() for key, target in intent.targets.items()}
    named = (key for key in (*intent.removals, *intent.switches) if key.kind in PACKAGE_KINDS)
    paths |= {key: () for key in named if id_problem(key.id) is None}
    if intent.scope is not None and intent.speaker.owner is None:
        recorded = {key: recorded[key] for key in paths if key in recorded}
    if intent.settled:
        recorded = {key: item for key, item in recorded.items() if key not in intent.settled}
    whole = [key for key, target in intent.targets.items() if target.backup is not None]
    found = observe(state.home, recorded, rebuilt, paths, corrupt=registry.corrupt, whole=whole)
    return replace(found, gateway_file=state.gateway_file) if _asks_for_servers(state, intent) else found


def _asks_for_servers(state: HomeState, intent: Intent) -> bool:
    """Whether the gateway's file decides anything; else it is not read."""
    named = (*intent.servers, *intent.removals, *intent.switches, *intent.entries)
    return bool(state.record.servers) or any(key.kind is Kind.MCP_SERVER for key in named)


def _gateway_inputs(plan: Plan, observed: Observed) -> tuple[Input, ...]:
    """The gateway's file, to be compared again, where the plan edits it."""
    file = observed.gateway_file
    if file is None or not any(action.edits for action in plan.actions):
        return ()
    return (Input(path=Path(file.path), before=file.data, data=file.data),)


def _unchanged(pins: Pins) -> Pins:
    """The pins, with the lock left as it is written. ``LockStaleError`` where it does not fit."""
    if pins.stale:
        raise LockStaleError(f"{pins.old.path} is out of date: " + "; ".join(pins.stale))
    return replace(pins, data=pins.old.data)


def _known_documents(file: DesiredFile, pins: Pins, text: bytes | None) -> Mapping[Digest, JsonObject]:
    """``text`` is the lock as we write it."""
    known = pins.old.document if text == pins.old.data else None
    return {file.digest: file.document, digest_bytes(text or b""): known or pins.lock.to_document()}


def _holding(state: HomeState, intent: Intent, against: ListedBy | None) -> Intent:
    """The intent with the hold that it sets, if it sets one, and what that is set against."""
    pause = intent.pause
    if against:
        contradicts = "contradicts" if against.item else "may contradict"
        pause = replace(pause, reason=f"'{state.env.command}' {contradicts} {against.file}")
    if pause.reason:
        pause = replace(pause, inputs=input_digests(state.path, state.record))
    return replace(intent, pause=pause)


def _on_hold(state: HomeState, against: ListedBy | None) -> Iterator[Note]:
    if against and against.item is None:
        message = f"{against.file} may say otherwise; then the next apply undoes this"
        yield Note(WarningCode.FILE_DISAGREES, message)
    elif against:
        saving = "--save" if against.file == state.path else f"--save with '-f {against.file}'"
        message = f"{against.file} says otherwise: the next apply undoes this; use {saving} to keep it"
        yield Note(WarningCode.FILE_DISAGREES, message, against.item.key if against.item else None)
    message = "this pauses 'llamagate watch' until the file or a package changes, or until 'llamagate resume'"
    yield Note(WarningCode.HOLD_SET, message)
