"""The planner's verdict on one item: what happens to it, how it differs from the record, what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from reconciler.model.config import same
from reconciler.model.executables import in_order
from reconciler.model.ids import ItemKey
from reconciler.model.observed import Observed, ObservedItem, Presence, is_enabled
from reconciler.model.plan import Action, ActionKind, Drift, Mark, MarkCode, Refusal
from reconciler.model.record import Record, RecordedFile, RecordItem
from reconciler.planning import policy
from reconciler.planning.diff import FileDiff, compare, displaced, mutable_matcher
from reconciler.planning.drift import other_version_drift, registry_drift
from reconciler.planning.intent import Intent, Target
from reconciler.planning.modes import with_modes
from reconciler.planning.reasons import ItemBefore, what_changes


class Verdict(Struct, frozen=True, kw_only=True):
    """What the planner found about one item."""

    action: Action | None = None
    drift: tuple[Drift, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def judge_target(target: Target, intent: Intent, record: Record, observed: Observed) -> Verdict:
    """An item that should be there."""
    key = target.key
    before = ItemBefore(record.items.get(key), observed.item(key), observed.registry.get(key))
    if is_as_recorded(target, before, intent):
        return _NOTHING
    recorded, entry = before.recorded, before.entry
    diff = _diff(target, before, intent)
    other = before.other_version
    enabled = is_enabled(entry, recorded, default=target.manifest.enabled_default)
    after = _record_item(target, before, enabled=enabled if target.enabled is None else target.enabled)
    after = replace(after, may_run=in_order(_executables(target, before, diff)))
    misregistered = () if other else registry_drift(recorded, entry, intent.home)
    backup = target.backup.generation if target.backup else None
    kind, reasons = what_changes(after, before, diff, misregistered, backup=backup)
    verdict = Verdict(drift=(*diff.drift, *misregistered), refusals=tuple(_refusals(target, before, diff, intent)))
    if kind is None:
        return verdict
    action = Action(
        key=key,
        action=kind,
        marks=_marks(kind, before, diff),
        from_version=_version(before),
        to_version=other if other and not (diff.rewrites or diff.conflicts) else after.version,
        reasons=tuple(reasons),
        after=after,
        rewrites=diff.rewrites,
        keep=diff.keep,
        brought=_brought(diff, before, intent),
    )
    return replace(verdict, action=action)


_NOTHING: Final = Verdict()


def is_as_recorded(target: Target, before: ItemBefore, intent: Intent) -> bool:
    """Whether nothing is to be done or said: most items are so in most passes, and to find that in full takes long.

    ``before.found`` has the very files of the record where each is as it was. "No" says nothing.
    """
    recorded, found, entry = before
    if recorded is None or entry is None or found.files is not recorded.files or target.backup is not None:
        return False
    manifest, known = target.manifest, recorded.manifest
    return (
        recorded.owner == target.owner
        and recorded.tree == target.tree
        and target.enabled in (None, entry.enabled)
        and (entry.name, entry.version, manifest.version) == (known.name, known.version, known.version)
        and entry.source_path == f"{intent.home}/{target.key.kind.folder}/installed/{target.key.id}"
        and (manifest.loadable and not manifest.builtin)
        and _has_bits(recorded, target, found)
        and len(recorded.files) == len(target.files)
        and all(path in recorded.files and recorded.files[path][0] == sha for path, sha in target.files.items())
        and same(recorded.config, target.config)
    )


def _has_bits(recorded: RecordItem, target: Target, found: ObservedItem) -> bool:
    """Whether the executable bits are those that were recorded, and are wanted."""
    if recorded.may_run is None:
        return True
    known = frozenset(recorded.may_run)
    return target.executables in (None, known) and known <= found.executables


def _marks(kind: ActionKind, before: ItemBefore, diff: FileDiff) -> tuple[Mark, ...]:
    is_older = (Mark(MarkCode.DOWNGRADE, "gets an older version"),) if kind is ActionKind.DOWNGRADE else ()
    is_foreign = before.recorded is None or before.other_version is not None
    if not is_foreign or not diff.rewrites or before.found.presence is Presence.ABSENT:
        return is_older
    return (*is_older, Mark(MarkCode.REPLACES, "replaces what llamagate did not install"))


def judge_removal(key: ItemKey, reason: str, record: Record, observed: Observed) -> Verdict:
    """An item that should go, whatever is left of it: recorded or not, with or without a folder or an entry."""
    before = ItemBefore(record.items.get(key), observed.item(key), observed.registry.get(key))
    is_there = before.found.presence is not Presence.ABSENT
    if before.recorded is None and before.entry is None and not is_there:
        return Verdict()
    action = Action(
        key=key,
        action=ActionKind.REMOVE,
        from_version=_version(before),
        to_version=None,
        marks=(Mark(MarkCode.REMOVES, "is removed"),),
        reasons=(reason,),
        after=None,
        rewrites=is_there,
    )
    return Verdict(action=action)


def judge_switch(key: ItemKey, enabled: bool, record: Record, observed: Observed) -> Verdict:
    """An item that is only enabled or disabled; its files are left as they are."""
    recorded, entry = record.items.get(key), observed.registry.get(key)
    if entry and entry.enabled is enabled and (recorded is None or recorded.enabled is enabled):
        return Verdict()
    version = _version(ItemBefore(recorded, observed.item(key), entry))
    action = Action(
        key=key,
        action=ActionKind.ENABLE if enabled else ActionKind.DISABLE,
        from_version=version,
        to_version=version,
        reasons=(f"enabled: {str(enabled).lower()}",),
        after=replace(recorded, enabled=enabled) if recorded else None,
    )
    return Verdict(action=action)


def _version(before: ItemBefore) -> str | None:
    """The version before, where anyone knows it."""
    known = before.recorded or before.entry
    return before.other_version or (known.version if known else None)


def _diff(target: Target, before: ItemBefore, intent: Intent) -> FileDiff:
    found = before.found
    if target.backup is not None:
        # All that either side has: nothing is carried over, and nothing comes back with what is undone.
        there = frozenset((*found.files, *found.links, *found.folders))
        return FileDiff(rewrites=True, brought=there | target.backup.paths)
    # What was not installed by us is replaced whole when it is taken over.
    taken = before.recorded is None and intent.rules.allowances.takes_over(target.key)
    overwrite = intent.rules.allowances.overwrite or taken
    diff = compare(target.key, before.recorded, target.files, found, intent.rules.policy, overwrite=overwrite)
    if before.other_version is not None and (diff.rewrites or diff.drift or diff.conflicts):
        return _over_other_tool(target, before, intent)
    return with_modes(diff, before.recorded, target.executables, found, intent.rules.policy)


def _over_other_tool(target: Target, before: ItemBefore, intent: Intent) -> FileDiff:
    """Another tool put another version there: all of it stays, or all of it is replaced, after a backup.

    Which of its files are local ones nobody can tell; only what the policy calls the program's own is carried over.
    """
    rules, recorded = intent.rules, before.recorded
    drift = other_version_drift(target.key, rules.policy)
    takes_over = rules.allowances.takes_over(target.key) and recorded is not None and recorded.owner != target.owner
    if takes_over or rules.allowances.overwrite or rules.policy.drift_edited == "heal":
        is_mutable = mutable_matcher(rules.policy.mutable)
        keep = frozenset(path for path in target.files if path in before.found.files and is_mutable(path))
        written = frozenset(target.files) - keep
        theirs = {path for path in (*before.found.files, *before.found.links) if not is_mutable(path)}
        return FileDiff(
            rewrites=True, keep=keep, brought=displaced(written, before.found) | written | theirs, drift=drift
        )
    is_new = target.is_asked_for or _is_another(target, recorded)
    return FileDiff(drift=drift, conflicts=(".",) if is_new else ())


def _is_another(target: Target, recorded: RecordItem | None) -> bool:
    """Whether something else is asked for than what was last installed."""
    if recorded is None or recorded.tree != target.tree or not same(recorded.config, target.config):
        return True
    return None not in (target.executables, recorded.executables) and target.executables != recorded.executables


def _refusals(target: Target, before: ItemBefore, diff: FileDiff, intent: Intent) -> list[Refusal]:
    is_same = not diff.rewrites and not diff.conflicts and not diff.drift
    not_ours = policy.ownership(target, before, intent, same=is_same)
    found = [
        policy.builtin(target, intent),
        policy.not_loadable(target, intent),
        policy.downgrade(target, before, intent),
        not_ours,
    ]
    conflicts = () if not_ours else _conflicts(target.key, before, diff)
    return [refusal for refusal in (*found, *conflicts) if refusal]


def _conflicts(key: ItemKey, before: ItemBefore, diff: FileDiff) -> Iterable[Refusal]:
    if before.other_version is not None and diff.conflicts:
        return [policy.other_version(key, before.other_version)]
    return [policy.conflict(key, path) for path in diff.conflicts]


def _brought(diff: FileDiff, before: ItemBefore, intent: Intent) -> frozenset[str]:
    found = before.found
    if before.recorded is not None or found.presence is not Presence.FOLDER or intent.speaker.owner is None:
        return diff.brought
    # Taken over by a file: without a record nothing tells an old package's files from local ones. They all go to the
    # backup, but for what the policy calls the program's own. A command that updates such an item carries them instead.
    is_mutable = mutable_matcher(intent.rules.policy.mutable)
    return diff.brought | {path for path in (*found.files, *found.links) if not is_mutable(path)}


def _record_item(target: Target, before: ItemBefore, *, enabled: bool) -> RecordItem:
    """What the record will say; files that are already as wanted keep the stamps under which they were read."""
    return RecordItem(
        key=target.key,
        owner=target.owner,
        source=target.source,
        source_stamp=target.source_stamp,
        tree=target.tree,
        config=target.config,
        enabled=enabled,
        manifest=target.manifest,
        files=_stamped(target, before.recorded, before.found),
        depends_on=target.depends_on,
        signed_by=target.signers or UNSET,
    )


def _executables(target: Target, before: ItemBefore, diff: FileDiff) -> frozenset[str] | None:
    """Which files may be run, once that is known: what is left as it was found may have other bits."""
    known = before.recorded.executables if before.recorded else None
    if target.executables is None:
        return known
    wanted = target.executables & target.files.keys()
    is_known = known is not None or diff.rewrites or wanted == before.found.executables & target.files.keys()
    return wanted if is_known else None


def _stamped(target: Target, recorded: RecordItem | None, found: ObservedItem) -> Mapping[str, RecordedFile]:
    if target.backup is not None:
        return {path: RecordedFile(sha) for path, sha in target.files.items()}
    before = recorded.files if recorded else {}
    files = {}
    for path, sha in target.files.items():
        disk = found.files.get(path) or before.get(path)
        files[path] = disk if disk and disk.sha256 == sha else RecordedFile(sha)
    return files
