"""Why an item changes, in words, and which action that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.model.config import same
from reconciler.model.observed import ObservedItem, Presence, version_of_other_tool
from reconciler.model.plan import ActionKind, Change, Drift
from reconciler.model.record import RecordItem
from reconciler.model.registry import RegistryEntry
from reconciler.model.version import is_older
from reconciler.planning.diff import FileDiff


class ItemBefore(NamedTuple):
    """What there is of an item before the pass: our record, its folder, the registry's entry."""

    recorded: RecordItem | None
    found: ObservedItem
    entry: RegistryEntry | None

    @property
    def other_version(self) -> str | None:
        """The version to which another tool changed what we installed."""
        return version_of_other_tool(self.recorded, self.found, self.entry)

    @property
    def version(self) -> str | None:
        """The version that is installed, where anyone knows it."""
        if other := self.other_version:
            return other
        if self.recorded is not None:
            return self.recorded.version
        return self.entry.version if self.entry and self.found.presence is not Presence.ABSENT else None


def what_changes(
    after: RecordItem, before: ItemBefore, diff: FileDiff, registry_drift: tuple[Drift, ...], *, backup: int | None
) -> tuple[ActionKind | None, list[str]]:
    """All that changes, the most telling first; its name is the action's.

    ``backup`` is the generation whose backup takes the folder's place, if one does.
    """
    recorded, entry = before.recorded, before.entry
    changes: list[tuple[ActionKind, str]] = []
    if backup is not None:
        changes.append(_put_back(after, before, backup))
    elif recorded is None:
        changes.append(_arrival(after, before, diff))
    else:
        changes += _content(recorded, after, diff, before.other_version)
    if recorded is not None and recorded.owner != after.owner:
        changes.append((ActionKind.ADOPT, owner_change(recorded.owner, after.owner)))
    changes += [(ActionKind.REPAIR, _repair(row)) for row in registry_drift]
    was_enabled = entry.enabled if entry else recorded.enabled if recorded else after.enabled
    if was_enabled != after.enabled:
        changes.append(
            (ActionKind.ENABLE if after.enabled else ActionKind.DISABLE, f"enabled: {str(after.enabled).lower()}")
        )
    if not changes:
        return None, []
    changes.sort(key=lambda change: list(ActionKind).index(change[0]))
    return changes[0][0], [reason for _, reason in changes]


def owner_change(before: str | None, after: str | None) -> str:
    """From which owner to which, in words."""
    return f"owner {before or '(none)'} → {after or '(none)'}"


def _put_back(after: RecordItem, before: ItemBefore, backup: int) -> tuple[ActionKind, str]:
    reason = f"put back from the backup of generation {backup}"
    if before.found.presence is Presence.ABSENT:
        return ActionKind.INSTALL, reason
    if before.version is None or before.version == after.version:
        return ActionKind.REPAIR, reason
    older = is_older(after.version, than=before.version)
    return ActionKind.DOWNGRADE if older else ActionKind.UPDATE, reason


def _content(
    recorded: RecordItem, after: RecordItem, diff: FileDiff, other: str | None
) -> Iterator[tuple[ActionKind, str]]:
    if other is not None and diff.rewrites:
        older = is_older(after.version, than=other)
        yield ActionKind.DOWNGRADE if older else ActionKind.UPDATE, f"replaces {other}, which another tool installed"
        return
    known = recorded.executables
    bits = frozenset() if known is None else known ^ (after.executables or frozenset())
    if recorded.tree != after.tree:
        yield _update(recorded, after)
    elif bits:
        count = "1 file" if len(bits) == 1 else f"{len(bits)} files"
        yield ActionKind.UPDATE, f"the executable bit of {count} changed, but the version is still {after.version}"
    yield from ((ActionKind.REPAIR, _repair(row)) for row in diff.healed)
    if not same(recorded.config, after.config):
        yield ActionKind.CONFIGURE, "its configuration changed"
    elif diff.rewrites and not diff.healed and not bits and recorded.tree == after.tree:
        yield ActionKind.CONFIGURE, "a value from a variable or a file changed"


def _arrival(after: RecordItem, before: ItemBefore, diff: FileDiff) -> tuple[ActionKind, str]:
    if before.found.presence is Presence.ABSENT:
        return ActionKind.INSTALL, "new in the home"
    if not diff.rewrites and not diff.conflicts:
        return ActionKind.ADOPT, "the same files are already there"
    entry = before.entry
    if entry and is_older(after.version, than=entry.version):
        return ActionKind.DOWNGRADE, f"replaces version {entry.version}, which llamagate did not install"
    return ActionKind.UPDATE, "replaces what llamagate did not install"


def _update(recorded: RecordItem, after: RecordItem) -> tuple[ActionKind, str]:
    if is_older(after.version, than=recorded.version):
        return ActionKind.DOWNGRADE, f"version {recorded.version} → {after.version}"
    if recorded.version != after.version:
        return ActionKind.UPDATE, f"version {recorded.version} → {after.version}"
    paths = {path for path in {*recorded.files, *after.files} if _sha(recorded, path) != _sha(after, path)}
    count = "1 file" if len(paths) == 1 else f"{len(paths)} files"
    return ActionKind.UPDATE, f"the package changed ({count}), but its version is still {after.version}"


def _sha(item: RecordItem, path: str) -> str | None:
    return item.files[path].sha256 if path in item.files else None


def _repair(row: Drift) -> str:
    if row.change is Change.REGISTRY:
        return "its registry entry was missing or wrong"
    place = "its folder" if row.path == "." else row.path
    return f"{place} was {row.change}"
