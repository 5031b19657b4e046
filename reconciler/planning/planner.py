"""The one planner: intent, record and observation in, a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.model.desired import Policy
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import Observed, ObservedItem, Presence
from reconciler.model.package import Manifest
from reconciler.model.plan import Action, ActionKind, Change, Drift, Plan, Refusal
from reconciler.model.record import Record, RecordedFile, RecordItem
from reconciler.model.registry import RegistryEntry
from reconciler.planning import policy
from reconciler.planning.diff import FileDiff, compare, mutable_matcher
from reconciler.planning.intent import Intent, Wanted
from reconciler.planning.order import dependency_cycle, in_order
from reconciler.planning.reasons import what_changes

REGISTRY_PATH = "registry/installed.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What the planner found about one item."""

    action: Action | None = None
    drift: tuple[Drift, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def make_plan(intent: Intent, record: Record, observed: Observed) -> Plan:
    """Decide what to do to every item in scope. Nothing happens; a plan with refusals must not be applied."""
    verdicts = {key: _judge(wanted, intent, record, observed) for key, wanted in intent.wanted.items()}
    removals = _removals(intent, record)
    removed = frozenset(removals)
    for key in record.items:
        if key not in verdicts and (intent.scope is None or key in intent.scope):
            verdicts[key] = _judge_unlisted(record.items[key], intent, observed, removes=key in removed)
    graph = _graph(intent)
    refusals = [refusal for verdict in verdicts.values() for refusal in verdict.refusals]
    refusals += policy.other_kind(intent, record, observed)
    refusals += policy.dependencies(intent, graph, observed.present, removed)
    owned = sum(item.owner == intent.owner for item in record.items.values())
    guards = (policy.prune_guard(intent, owned, removals), policy.other_file(intent, record, removals))
    refusals += [refusal for refusal in guards if refusal]
    has_cycle = any(refusal.code == "cycle" for refusal in refusals)
    return Plan(
        generation=record.generation,
        actions=tuple(_ordered(verdicts, {} if has_cycle else graph, record)),
        drift=tuple(row for key in sorted(verdicts) for row in verdicts[key].drift),
        refusals=tuple(sorted(refusals, key=lambda refusal: (refusal.key, refusal.code, refusal.message))),
        warnings=tuple(_warnings(intent, record, observed, removed)),
        rebuilds_registry=observed.corrupt is not None,
    )


def _judge(wanted: Wanted, intent: Intent, record: Record, observed: Observed) -> _Verdict:
    key = wanted.key
    recorded, found, entry = record.items.get(key), observed.item(key), observed.registry.get(key)
    diff = compare(key, recorded, wanted.files, found, intent.policy, overwrite=_overwrites(intent, recorded, key))
    enabled = _enabled(wanted, recorded, entry)
    after = _record_item(wanted, intent, recorded, found, enabled=enabled)
    registry_drift = _registry_drift(recorded, entry, intent.home)
    refusals = [policy.builtin(wanted, intent), policy.not_loadable(wanted, intent)]
    same = not diff.rewrites and not diff.conflicts and not diff.drift
    owned_by_other = policy.ownership(key, recorded, found, intent, same=same)
    refusals.append(owned_by_other)
    if owned_by_other is None:
        refusals += [_conflict(key, path) for path in diff.conflicts]
    kind, reasons = what_changes(after, recorded, found, entry, diff, registry_drift)
    action = (
        None
        if kind is None
        else Action(
            key=key,
            action=kind,
            from_version=recorded.version if recorded else entry.version if entry else None,
            to_version=after.version,
            reasons=tuple(reasons),
            after=after,
            rewrites=diff.rewrites,
            keep=diff.keep,
            brought=_brought(diff, recorded, found, intent),
        )
    )
    return _Verdict(
        action=action,
        drift=(*diff.drift, *registry_drift),
        refusals=tuple(refusal for refusal in refusals if refusal),
    )


def _overwrites(intent: Intent, recorded: RecordItem | None, key: ItemKey) -> bool:
    """What was not installed by us is replaced whole when it is taken over."""
    return intent.allowances.overwrite or (recorded is None and intent.allowances.takes_over(key.id))


def _brought(diff: FileDiff, recorded: RecordItem | None, found: ObservedItem, intent: Intent) -> frozenset[str]:
    if recorded is not None or found.presence is not Presence.FOLDER:
        return diff.brought
    # Taken over: without a record nothing tells an old package's files from local ones. They all go to the backup,
    # but for what the policy calls the program's own.
    is_mutable = mutable_matcher(intent.policy.mutable)
    return diff.brought | {path for path in (*found.files, *found.links) if not is_mutable(path)}


def _enabled(wanted: Wanted, recorded: RecordItem | None, entry: RegistryEntry | None) -> bool:
    if wanted.enabled is not None:
        return wanted.enabled
    if entry is not None:
        return entry.enabled
    return recorded.enabled if recorded else wanted.manifest.enabled_default


def _record_item(
    wanted: Wanted, intent: Intent, recorded: RecordItem | None, found: ObservedItem, *, enabled: bool
) -> RecordItem:
    """What the record will say; files that are already as wanted keep the stamps under which they were read."""
    before = recorded.files if recorded else {}
    files = {}
    for path, sha in wanted.files.items():
        disk = found.files.get(path) or before.get(path)
        files[path] = disk if disk and disk.sha256 == sha else RecordedFile(sha)
    return RecordItem(
        key=wanted.key,
        owner=intent.owner,
        source=wanted.source,
        source_stamp=wanted.source_stamp,
        tree=wanted.tree,
        config=wanted.config,
        enabled=enabled,
        manifest=wanted.manifest,
        files=files,
        depends_on=wanted.depends_on,
    )


def _registry_drift(recorded: RecordItem | None, entry: RegistryEntry | None, home: str) -> tuple[Drift, ...]:
    if recorded is None:
        return ()
    key = recorded.key
    path = f"{home}/{key.kind.folder}/installed/{key.id}"
    right = (recorded.manifest.name, recorded.version, path)
    if entry is not None and (entry.name, entry.version, entry.source_path) == right:
        return ()
    return (Drift(key=key, path=REGISTRY_PATH, change=Change.REGISTRY),)


def _conflict(key: ItemKey, path: str) -> Refusal:
    message = (
        f"{path} was changed here and is changed by the package too; --overwrite takes the package's after a backup"
    )
    return Refusal(key=key, code="conflict", message=message)


def _removals(intent: Intent, record: Record) -> list[ItemKey]:
    """Owned items that the file no longer lists; only a pass over everything may conclude that."""
    if intent.scope is not None or intent.policy.prune == "never":
        return []
    return sorted(key for key, item in record.items.items() if item.owner == intent.owner and key not in intent.wanted)


def _judge_unlisted(recorded: RecordItem, intent: Intent, observed: Observed, *, removes: bool) -> _Verdict:
    """An item that the file does not list: removed when it is the owner's, else only looked at."""
    key, found = recorded.key, observed.item(recorded.key)
    if removes:
        action = Action(
            key=key,
            action=ActionKind.REMOVE,
            from_version=recorded.version,
            to_version=None,
            reasons=("no longer in the file",),
            after=None,
            rewrites=found.presence is not Presence.ABSENT,
        )
        return _Verdict(action=action)
    return _Verdict(drift=drift_of(recorded, observed, intent.policy, intent.home))


def drift_of(recorded: RecordItem, observed: Observed, rules: Policy, home: str) -> tuple[Drift, ...]:
    """How an installed item departs from the record, whether or not anything would be done about it."""
    files = {path: file.sha256 for path, file in recorded.files.items()}
    found = observed.item(recorded.key)
    diff = compare(recorded.key, recorded, files, found, rules, overwrite=False)
    return (*diff.drift, *_registry_drift(recorded, observed.registry.get(recorded.key), home))


def _graph(intent: Intent) -> dict[ItemKey, list[ItemKey]]:
    """Desired item → the desired items that it needs: its ``depends_on``, and what a module's steps name."""
    return _needs({key: (wanted.depends_on, wanted.manifest) for key, wanted in intent.wanted.items()})


def _needs(items: Mapping[ItemKey, tuple[tuple[str, ...], Manifest]]) -> dict[ItemKey, list[ItemKey]]:
    """Who needs whom: ``depends_on`` gives ids; the steps of a module name extensions as the gateway does, by name."""
    by_id = {key.id: key for key in items}
    extensions = {key.id: key for key in items if key.kind is Kind.EXTENSION}
    extensions |= {manifest.name: key for key, (_, manifest) in items.items() if key.kind is Kind.EXTENSION}
    return {
        key: [
            *(by_id[need] for need in depends_on if need in by_id),
            *(extensions[need] for need in manifest.requires if need in extensions),
        ]
        for key, (depends_on, manifest) in items.items()
    }


def _ordered(
    verdicts: Mapping[ItemKey, _Verdict], graph: Mapping[ItemKey, list[ItemKey]], record: Record
) -> Iterable[Action]:
    actions = {key: verdict.action for key, verdict in verdicts.items() if verdict.action}
    coming = [key for key, action in actions.items() if action.after is not None]
    going = {key: record.items[key] for key, action in actions.items() if action.after is None}
    needed = _needs({key: (item.depends_on, item.manifest) for key, item in going.items()})
    if dependency_cycle(needed):  # each may have been fine when it was installed
        needed = {}
    return [actions[key] for key in [*in_order(coming, graph), *reversed(in_order(going, needed))]]


def _extensions_there(
    intent: Intent, record: Record, observed: Observed, removed: frozenset[ItemKey]
) -> frozenset[str]:
    """The names and ids of the extensions that will be there."""
    manifests = [wanted.manifest for wanted in intent.wanted.values()]
    staying = [key for key in observed.present - removed if key.kind is Kind.EXTENSION]
    manifests += [record.items[key].manifest for key in staying if key in record.items]
    named = {text for found in manifests if found.kind is Kind.EXTENSION for text in (found.id, found.name)}
    return frozenset(named | {key.id for key in staying})


def _warnings(intent: Intent, record: Record, observed: Observed, removed: frozenset[ItemKey]) -> Iterable[str]:
    if observed.corrupt is not None:
        yield (
            f"{REGISTRY_PATH} cannot be read ({observed.corrupt}): it is rebuilt from our record and the disk, "
            "and the broken bytes are kept beside it"
        )
    if record.hold is not None:
        yield f"a hold is in force ({record.hold.reason}); an apply ends it"
    is_needed = any(wanted.manifest.requires for wanted in intent.wanted.values())
    there = _extensions_there(intent, record, observed, removed) if is_needed else frozenset()
    for key, wanted in sorted(intent.wanted.items()):
        if not wanted.manifest.loadable:
            yield f"{key.id} is written in the task dialect: it is installed, but this gateway cannot load it"
        for need in wanted.manifest.requires:
            if need not in there:
                yield f"{key.id} uses the extension '{need}', which is neither bundled, in the file nor installed"
    if intent.policy.prune == "never" and intent.scope is None:
        left = sorted(k.id for k, i in record.items.items() if i.owner == intent.owner and k not in intent.wanted)
        if left:
            yield f"no longer in the file, but kept because policy.prune is 'never': {', '.join(left)}"
