"""Look: read everything and make the plan. Nothing is written here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.errors import InputError, LockStaleError
from reconciler.model.config import JsonObject
from reconciler.model.desired import DesiredItem, section_of
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, id_problem
from reconciler.model.inputs import Input
from reconciler.model.listener import Progress, no_progress
from reconciler.model.lock import Lock
from reconciler.model.observed import Observed
from reconciler.model.record import Record
from reconciler.observe.home import observe, rebuilt_registry
from reconciler.planning.intent import Intent, Target
from reconciler.planning.planner import make_plan
from reconciler.reconcile.home_state import HomeState, Spoken
from reconciler.reconcile.input_digest import input_digests
from reconciler.reconcile.naming import check_listed
from reconciler.reconcile.proposal import Carried, Options, Proposal, package_warnings
from reconciler.reconcile.target import target_for, unset_variables
from reconciler.resolve.pins import entries_of, lock_of, pins_of
from reconciler.resolve.resolve import Resolving, reach_of, resolve_items
from reconciler.resolve.resolved import Resolved
from reconciler.store.desired_file import DesiredFile, lock_bytes, lock_path, read_desired, read_lock
from reconciler.store.state_files import RegistryFile, read_record, read_registry


def propose(env: Environment, options: Options, progress: Progress = no_progress) -> Proposal:
    """Desired state, lock, record and home in; a plan out.

    ``InputError`` with every fault of the inputs; ``LockStaleError`` where ``options.locked`` forbids to re-pin.
    """
    home = Home(env.home)
    record, previous_record = read_record(home)
    file = read_desired(options.file, known=record.documents)
    check_listed(file, options.only | (options.allowances.take_over or frozenset()))
    lock = read_lock(lock_path(file.path), known=record.documents)
    how = Resolving(
        reach=reach_of(env, file),
        record=record,
        lock=lock_of(file, lock),
        locked=options.locked,
        only=options.only,
        progress=progress,
    )
    found = resolve_items(file, how)
    pins = pins_of(file, lock, entries_of(file, found))
    if options.locked:
        if pins.stale:
            raise LockStaleError(f"{lock_path(file.path)} does not fit: " + "; ".join(pins.stale))
        pins = replace(pins, data=lock.data)  # what it says is right, and how it is written is left alone
    intent = _intent(env, options, file, record, found)
    observed = observed_for(env, record, read_registry(home), intent)
    plan = make_plan(intent, record, observed)
    return Proposal(
        home=home,
        gateway=file.desired.gateway,
        record=record,
        previous_record=previous_record,
        intent=intent,
        observed=observed,
        plan=replace(plan, warnings=plan.warnings + package_warnings(found)),
        resolved=found,
        # A narrowed pass does not know that every item fits.
        documents={} if options.only else _known_documents(file, pins.lock),
        inputs=pins.inputs,
        stale=pins.stale,
    )


def observed_for(env: Environment, record: Record, registry: RegistryFile, intent: Intent) -> Observed:
    """The home, as far as ``intent`` asks for it."""
    home = Home(env.home)
    rebuilt = rebuilt_registry(home, record, env.now) if registry.corrupt else registry.registry
    wanted: dict[ItemKey, Collection[str]] = {key: wanted.files.keys() for key, wanted in intent.wanted.items()}
    wanted |= {key: () for key in (*intent.removals, *intent.switches) if id_problem(key.id) is None}
    recorded = record.items
    if intent.scope is not None and intent.owner is None:
        recorded = {key: recorded[key] for key in wanted if key in recorded}
    return observe(home, recorded, rebuilt, wanted, corrupt=registry.corrupt)


def _known_documents(file: DesiredFile, lock: Lock) -> Mapping[Digest, JsonObject]:
    return {file.digest: file.document, digest_bytes(lock_bytes(lock)): lock.to_document()}


def _intent(
    env: Environment, options: Options, file: DesiredFile, record: Record, found: Mapping[ItemKey, Resolved]
) -> Intent:
    desired = file.desired
    wanted = [item for item in desired.items if item.key in found]
    return Intent(
        owner=desired.owner,
        file=str(file.path.absolute()),
        home=str(env.home),
        wanted={item.key: _wanted(env, file, record, found[item.key], item) for item in wanted},
        policy=desired.policy,
        ends_hold=True,
        scope=frozenset(item.key for item in wanted) if options.only else None,
        allowances=options.allowances,
        reload_required=desired.gateway.reload == "required",
    )


def _wanted(env: Environment, file: DesiredFile, record: Record, found: Resolved, item: DesiredItem) -> Target:
    place = (section_of(item.key.kind), item.key.id, "config")
    missing = unset_variables(env, item.config)
    if missing:
        faults = [file.fault((*place, *at), f"the environment variable {name} is not set") for at, name in missing]
        raise InputError(str(faults[0]), faults=faults, advice="set it, or take it out of the config")
    return target_for(
        env,
        found,
        recorded=record.items.get(item.key),
        limits=file.desired.policy.limits,
        owner=file.desired.owner,
        config=item.config,
        enabled=item.enabled,
        depends_on=item.depends_on,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a command's plan needs besides its intent; see ``Proposal``. ``against``: what says otherwise, or may."""

    resolved: Mapping[ItemKey, Resolved]
    carried: Mapping[ItemKey, Carried]
    inputs: tuple[Input, ...] = ()
    list_of: int | None = None
    against: Spoken | None = None


NO_PARTS = Parts(resolved={}, carried={})


def planned(state: HomeState, intent: Intent, parts: Parts = NO_PARTS) -> Proposal:
    """The plan of a command. One that a file contradicts is made, says so, and sets a hold."""
    observed = observed_for(state.env, state.record, state.registry_file, intent)
    plan = make_plan(intent, state.record, observed)
    plan = replace(plan, warnings=state.file_warnings + plan.warnings + package_warnings(parts.resolved))
    if parts.against:
        contradicts = "contradicts" if parts.against.item else "may contradict"
        intent = replace(intent, hold=f"'{state.env.command}' {contradicts} {parts.against.file}")
    if intent.hold:
        intent = replace(intent, hold_inputs=input_digests(state.path, state.record))
    if intent.hold and plan.changes and not plan.refusals:
        plan = replace(plan, warnings=(*plan.warnings, *_on_hold(state, parts.against)))
    only_switches = not (intent.wanted or intent.removals)
    return Proposal(
        home=state.home,
        gateway=state.gateway,
        record=state.record,
        previous_record=state.previous_record,
        intent=intent,
        observed=observed,
        plan=plan,
        resolved=parts.resolved,
        # What was found to fit the file may no longer, once a command has brought another package.
        documents=state.record.documents if only_switches else {},
        inputs=parts.inputs,
        carried=parts.carried,
        list_of=parts.list_of,
    )


def _on_hold(state: HomeState, against: Spoken | None) -> Iterator[str]:
    if against and against.item is None:
        yield f"{against.file} may say otherwise; if so, the next apply puts it back"
    elif against:
        saving = "--save" if against.file == state.path else f"--save with '-f {against.file}'"
        yield f"{against.file} says otherwise: the next apply puts it back; {saving} keeps it"
    yield "on hold: a watcher leaves everything alone until its input changes, or until 'llamagate resume'"
