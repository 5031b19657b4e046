"""Look: read everything and make the plan. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reconciler.errors import InputError, LockStaleError
from reconciler.model.config import JsonObject, env_references, resolved, same
from reconciler.model.desired import Desired, DesiredItem, section_of
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.record import Record
from reconciler.observe import observe, rebuilt_registry
from reconciler.planning.intent import Allowances, Intent, Wanted
from reconciler.planning.pin import Resolution, pin
from reconciler.planning.planner import make_plan
from reconciler.reconcile.progress import Progress, no_progress
from reconciler.reconcile.resolving import resolve_items
from reconciler.sources.resolve import Opened, Resolved, open_resolved
from reconciler.store.desired_file import DesiredFile, lock_bytes, lock_path, read_desired, read_lock
from reconciler.store.state_files import read_record, read_registry

if TYPE_CHECKING:
    from reconciler.packages.realise import Realised


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a pass is run. ``only`` narrows the scope to these ids and what they depend on; empty is everything."""

    file: Path
    only: frozenset[str] = frozenset()
    locked: bool = False
    allowances: Allowances = field(default_factory=Allowances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The lock as it should be, what of the one on disk is stale in words, and whether its bytes differ."""

    lock: Lock
    stale: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Everything that a pass knows before it changes anything."""

    home: Home
    file: DesiredFile
    pins: Pins
    record: Record
    previous_record: bytes | None
    resolved: Mapping[ItemKey, Resolved]
    intent: Intent
    observed: Observed
    plan: Plan

    @property
    def documents(self) -> Mapping[Digest, JsonObject]:
        """What the next pass need not parse and validate. A narrowed pass does not know that every item fits."""
        if self.intent.scope is not None:
            return {}
        lock = self.pins.lock
        return {self.file.digest: self.file.document, digest_bytes(lock_bytes(lock)): lock.to_document()}


def look(env: Environment, options: Options, progress: Progress = no_progress) -> Looked:
    """Desired state, lock, record and home in; a plan out.

    ``InputError`` with every fault of the inputs; ``LockStaleError`` where ``options.locked`` forbids to re-pin.
    """
    home = Home(env.home)
    record, previous_record = read_record(home)
    file = read_desired(options.file, known=record.documents)
    _check_named(options, file.desired)
    found = resolve_items(file, record, progress, only=options.only)
    pins = _pins(file, record, found)
    if options.locked:
        if pins.stale:
            raise LockStaleError(f"{lock_path(file.path)} does not fit: " + "; ".join(pins.stale))
        pins = replace(pins, changed=False)  # what it says is right, and how it is written is left alone
    intent = _intent(env, options, file, record, found)
    registry = read_registry(home)
    rebuilt = rebuilt_registry(home, record, env.now) if registry.corrupt else registry.registry
    wanted_paths = {key: wanted.files.keys() for key, wanted in intent.wanted.items()}
    observed = observe(home, record, rebuilt, wanted_paths, corrupt=registry.corrupt)
    return Looked(
        home=home,
        file=file,
        pins=pins,
        record=record,
        previous_record=previous_record,
        resolved=found,
        intent=intent,
        observed=observed,
        plan=make_plan(intent, record, observed),
    )


def look_at_sources(file: Path) -> tuple[Desired, Mapping[ItemKey, Resolved]]:
    """The desired state and all its packages, each read as it is now."""
    desired = read_desired(file)
    return desired.desired, resolve_items(desired, Record(), no_progress)


def look_at_pins(env: Environment, file: Path, progress: Progress = no_progress) -> Pins:
    """What the lock of ``file`` should say; the home is only asked what it remembers of the sources."""
    record, _ = read_record(Home(env.home))
    desired = read_desired(file, known=record.documents)
    return _pins(desired, record, resolve_items(desired, record, progress))


def realised(env: Environment, opened: Opened, config: JsonObject) -> Realised:
    """The package's files for ``config``, its values from the environment filled in."""
    from reconciler.packages.realise import realise  # a pass that changes no file needs none of it

    return realise(opened.package, opened.content, cast(JsonObject, resolved(config, env.variables)))


def _pins(file: DesiredFile, record: Record, found: Mapping[ItemKey, Resolved]) -> Pins:
    items = file.desired.items
    resolutions = {
        item.key: Resolution(source=item.source, version=found[item.key].manifest.version, tree=found[item.key].tree)
        for item in items
        if item.key in found
    }
    fresh = pin(items, Lock(), resolutions).lock
    old = read_lock(lock_path(file.path), known=record.documents, expected=fresh)
    if old.is_known and old.lock == fresh:
        return Pins(lock=fresh, stale=(), changed=False)
    pinned = pin(items, old.lock, resolutions)
    return Pins(lock=pinned.lock, stale=pinned.stale, changed=lock_bytes(pinned.lock) != old.data)


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
        scope=frozenset(item.key for item in wanted) if options.only else None,
        allowances=options.allowances,
        reload_required=desired.gateway.reload == "required",
    )


def _wanted(env: Environment, file: DesiredFile, record: Record, found: Resolved, item: DesiredItem) -> Wanted:
    recorded = record.items.get(item.key)
    references = list(env_references(item.config))
    missing = [(place, name) for place, name in references if name not in env.variables]
    if missing:
        place = (section_of(item.key.kind), item.key.id, "config")
        faults = [file.fault((*place, *at), f"the environment variable {name} is not set") for at, name in missing]
        raise InputError(str(faults[0]), faults=faults, advice="set it, or take it out of the config")
    if found.opened is None and recorded is not None and same(recorded.config, item.config) and not references:
        files: Mapping[str, str] = {path: kept.sha256 for path, kept in recorded.files.items()}
    else:
        opened = open_resolved(found, Home(env.home), file.desired.policy.limits)
        files = realised(env, opened, item.config).hashes
    return Wanted(
        key=item.key,
        source=found.source,
        source_stamp=found.stamp,
        manifest=found.manifest,
        tree=found.tree,
        config=item.config,
        files=files,
        enabled=item.enabled,
        depends_on=item.depends_on,
    )


def _check_named(options: Options, desired: Desired) -> None:
    """Ids given on the command line must be in the file: a typing error must not pass for "nothing to do"."""
    known = {item.key.id for item in desired.items}
    named = options.only | (options.allowances.take_over or frozenset())
    unknown = sorted(named - known)
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], sorted(known), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{options.file} lists no item '{unknown[0]}'{hint}")
