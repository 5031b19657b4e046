"""Look: read everything and make the plan. Nothing is written here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import InputError, LockStaleError
from reconciler.model.config import JsonObject
from reconciler.model.desired import Desired, DesiredItem, GatewaySettings, section_of
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, id_problem
from reconciler.model.inputs import Input
from reconciler.model.lock import Lock
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.record import Record
from reconciler.observe import observe, rebuilt_registry
from reconciler.planning.intent import Allowances, Intent, Wanted
from reconciler.planning.planner import make_plan
from reconciler.reconcile.locking import check_listed, entries_of, lock_of, pins_of
from reconciler.reconcile.progress import Progress, no_progress
from reconciler.reconcile.resolving import Resolving, reach_of, resolve_items
from reconciler.reconcile.wanting import unset_variables, wanted_as
from reconciler.sources.resolved import Resolved
from reconciler.store.desired_file import DesiredFile, lock_bytes, lock_path, read_desired, read_lock
from reconciler.store.state_files import RegistryFile, read_record, read_registry

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a pass is run. ``only`` narrows the scope to these ids and what they depend on; empty is everything."""

    file: Path
    only: frozenset[str] = frozenset()
    locked: bool = False
    allowances: Allowances = field(default_factory=Allowances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Local files of an item that is gone: all in ``folder``, a backup, but for the paths in ``brought``.

    The package's files in ``keep`` come from there too: programs edit them.
    """

    folder: Path
    brought: frozenset[str]
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Everything that a pass knows before it changes anything.

    ``resolved`` holds what each wanted item stands for; ``documents`` what the next pass need not parse and validate.
    ``inputs`` are written with the change, or looked at just before it. ``stale`` says in words what of the lock does
    not fit. ``list_of`` is the generation whose list comes back, if so.
    """

    home: Home
    gateway: GatewaySettings
    record: Record
    previous_record: bytes | None
    intent: Intent
    observed: Observed
    plan: Plan
    resolved: Mapping[ItemKey, Resolved] = field(default_factory=dict)
    documents: Mapping[Digest, JsonObject] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    stale: tuple[str, ...] = ()
    carried: Mapping[ItemKey, Carried] = field(default_factory=dict)
    list_of: int | None = None


def look(env: Environment, options: Options, progress: Progress = no_progress) -> Looked:
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
    return Looked(
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


def package_warnings(found: Mapping[ItemKey, Resolved]) -> tuple[str, ...]:
    """What is strange about the packages that were read."""
    return tuple(line for one in found.values() for line in one.notes)


def look_at_sources(env: Environment, file: Path) -> tuple[Desired, Mapping[ItemKey, Resolved]]:
    """The desired state and all its packages, each read as it is now, or as the lock says."""
    desired, nothing = read_desired(file), Record()
    how = Resolving(reach=reach_of(env, desired), record=nothing, lock=lock_of(desired))
    return desired.desired, resolve_items(desired, how)


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


def _wanted(env: Environment, file: DesiredFile, record: Record, found: Resolved, item: DesiredItem) -> Wanted:
    place = (section_of(item.key.kind), item.key.id, "config")
    missing = unset_variables(env, item.config)
    if missing:
        faults = [file.fault((*place, *at), f"the environment variable {name} is not set") for at, name in missing]
        raise InputError(str(faults[0]), faults=faults, advice="set it, or take it out of the config")
    return wanted_as(
        env,
        found,
        recorded=record.items.get(item.key),
        limits=file.desired.policy.limits,
        owner=file.desired.owner,
        config=item.config,
        enabled=item.enabled,
        depends_on=item.depends_on,
    )
