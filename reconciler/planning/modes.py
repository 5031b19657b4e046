"""The executable bit of an item's files: recorded, wanted, on disk."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from reconciler.model.desired import Policy
from reconciler.model.observed import ObservedItem, Presence
from reconciler.model.plan import Change, Drift
from reconciler.model.record import RecordItem
from reconciler.planning.diff import FileDiff, mutable_matcher


def with_modes(
    diff: FileDiff, recorded: RecordItem | None, wanted: frozenset[str] | None, found: ObservedItem, policy: Policy
) -> FileDiff:
    """``diff`` with what the executable bit adds: a changed one is written, a lost one is drift like an edit.

    Nothing where the record does not know the bits. A bit that somebody added stays.
    """
    if recorded is None or recorded.executables is None or found.presence is not Presence.FOLDER:
        return diff
    wanted = recorded.executables if wanted is None else wanted
    same = frozenset(_as_written(recorded, found)) - diff.keep
    changed = same & (wanted ^ recorded.executables) & (wanted ^ found.executables)
    is_mutable = mutable_matcher(policy.mutable)
    lost = {path for path in same & wanted & recorded.executables - found.executables if not is_mutable(path)}
    heals, shows = policy.drift_edited == "heal", policy.drift_edited != "ignore"
    if not changed and not lost:
        return diff
    rows = tuple(Drift(key=recorded.key, path=path, change=Change.EDITED) for path in sorted(lost) if shows)
    brought = diff.brought or frozenset(recorded.files).intersection(found.files)
    return replace(
        diff,
        rewrites=diff.rewrites or bool(changed) or (heals and bool(lost)),
        brought=brought,
        drift=(*diff.drift, *rows),
        healed=(*diff.healed, *(rows if heals else ())),
    )


def _as_written(recorded: RecordItem, found: ObservedItem) -> Iterator[str]:
    for path, file in recorded.files.items():
        disk = found.files.get(path)
        if disk is not None and disk.sha256 == file.sha256:
            yield path
