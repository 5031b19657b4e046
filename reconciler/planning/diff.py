"""Three-way comparison of one item, file by file: recorded, wanted, on disk."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Final

from msgspec import Struct

from reconciler.model.desired import Policy
from reconciler.model.ids import ItemKey
from reconciler.model.observed import ObservedItem, Presence
from reconciler.model.plan import Change, Drift
from reconciler.model.record import RecordItem
from reconciler.model.regex import regex

_WHOLE_FOLDER: Final = regex(r"([A-Za-z0-9_-]+/)\*\*")
_NO_FILE = "other"
"""In place of the sha256 of what is no regular file; equals none."""


class FileDiff(Struct, frozen=True, kw_only=True):
    """The outcome for one item.

    ``rewrites``: some file on disk must change. ``keep``: the package's files whose content on disk stays.
    ``healed``: drift that taking the wanted files undoes. ``brought``: paths that are no local files. ``conflicts``:
    paths where neither side may win.
    """

    rewrites: bool = False
    keep: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()
    drift: tuple[Drift, ...] = ()
    healed: tuple[Drift, ...] = ()
    conflicts: tuple[str, ...] = ()


UNCHANGED = FileDiff()


class _Comparison:
    """Collects the verdicts of one item. R recorded, N wanted, D on disk; ``None`` is "no such file"."""

    def __init__(self, key: ItemKey, policy: Policy, *, overwrite: bool) -> None:
        self.key = key
        self.policy = policy
        self.overwrite = overwrite
        self.is_mutable = mutable_matcher(policy.mutable)
        self.drift: list[Drift] = []
        self.healed: list[Drift] = []
        self.keep: set[str] = set()
        self.conflicts: list[str] = []
        self.rewrites = False

    def file(self, path: str, recorded: str | None, wanted: str | None, found: str | None) -> None:
        if found == wanted:
            return
        if found is not None and found != _NO_FILE and self.is_mutable(path):
            self.keep.add(path)
        elif found == recorded or self._departed(path, recorded, wanted, found):
            self.rewrites = True
        else:
            self.keep.add(path)

    def is_other(self, path: str, before: Container[str], found: ObservedItem) -> bool:
        """Whether something that is no file is at ``path``. A folder of the package's own files makes room."""
        if path in found.links or path not in found.folders:
            return path in found.links
        is_ours = path not in before and all(
            below in before and not self.is_mutable(below)
            for below in _below(path, found)
            if below not in found.folders
        )
        return not is_ours

    def _departed(self, path: str, recorded: str | None, wanted: str | None, found: str | None) -> bool:
        """D differs from R and from N: whether N is taken; else D stays (as drift, or as a conflict)."""
        change = Change.MISSING if found is None else Change.REPLACED if found == _NO_FILE else Change.EDITED
        rule = self.policy.drift_missing if change is Change.MISSING else self.policy.drift_edited
        if recorded is not None:
            row = Drift(key=self.key, path=path, change=change)
            self.drift += [row] if rule != "ignore" else []
            self.healed += [row] if rule == "heal" else []
        if rule == "heal":
            return True
        if wanted == recorded:
            return False
        if not self.overwrite:
            self.conflicts.append(path)
        return self.overwrite


def compare(
    key: ItemKey,
    recorded: RecordItem | None,
    wanted: Mapping[str, str],
    found: ObservedItem,
    policy: Policy,
    *,
    overwrite: bool,
) -> FileDiff:
    """Compare one item. Without a record, files on disk at wanted paths are local files."""
    before = recorded.files if recorded else {}
    if found.presence is not Presence.FOLDER:
        return _whole_item(key, recorded, wanted, found, policy)
    comparison = _Comparison(key, policy, overwrite=overwrite)
    on_disk = found.files
    for path in wanted if not before else dict.fromkeys([*before, *wanted]):
        entry = before.get(path)
        disk = on_disk.get(path)
        sha = disk.sha256 if disk else _NO_FILE if comparison.is_other(path, before, found) else None
        comparison.file(path, entry.sha256 if entry else None, wanted.get(path), sha)
    _check_parents(comparison, wanted, before, found)
    return _file_diff(comparison, before, wanted, found)


def _file_diff(comparison: _Comparison, before: Iterable[str], wanted: Iterable[str], found: ObservedItem) -> FileDiff:
    if not (comparison.rewrites or comparison.keep or comparison.drift or comparison.conflicts):
        return UNCHANGED
    kept = frozenset(comparison.keep)
    return FileDiff(
        rewrites=comparison.rewrites,
        keep=kept & frozenset(wanted),
        brought=frozenset(wanted).union(path for path in before if _stands(path, found)) - kept
        | displaced(frozenset(wanted) - kept, found),
        drift=tuple(sorted(comparison.drift, key=lambda row: row.path)),
        healed=tuple(sorted(comparison.healed, key=lambda row: row.path)),
        conflicts=tuple(comparison.conflicts),
    )


def displaced(written: frozenset[str], found: ObservedItem) -> frozenset[str]:
    """What is in a folder that makes room for a file that is ``written``: it cannot be in the new tree."""
    return frozenset(path for folder in found.folders & written for path in _below(folder, found))


def _stands(path: str, found: ObservedItem) -> bool:
    return path in found.files or path in found.links or path in found.folders


def _below(folder: str, found: ObservedItem) -> Iterator[str]:
    return (path for path in (*found.files, *found.links, *found.folders) if path.startswith(f"{folder}/"))


def _whole_item(
    key: ItemKey, recorded: RecordItem | None, wanted: Mapping[str, str], found: ObservedItem, policy: Policy
) -> FileDiff:
    """The item's folder is missing, or something else is there."""
    brought = frozenset(wanted)
    if recorded is None:
        return FileDiff(rewrites=True, brought=brought)
    missing = found.presence is Presence.ABSENT
    rule = policy.drift_missing if missing else policy.drift_edited
    rows = (Drift(key=key, path=".", change=Change.MISSING if missing else Change.REPLACED),)
    same = {path: file.sha256 for path, file in recorded.files.items()} == wanted
    heals = rule == "heal" or not same
    return FileDiff(
        rewrites=heals, brought=brought, drift=rows if rule != "ignore" else (), healed=rows if heals else ()
    )


def _check_parents(
    comparison: _Comparison, wanted: Mapping[str, str], before: Mapping[str, object], found: ObservedItem
) -> None:
    """A local file or link may be where the package needs a folder."""
    if comparison.overwrite or comparison.policy.drift_edited == "heal":
        return
    for path in wanted:
        if "/" in path and path not in found.files and path not in comparison.keep:
            parts = path.split("/")
            parents = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
            blocking = [
                parent
                for parent in parents
                if (parent in found.files or parent in found.links) and parent not in before
            ]
            if blocking and blocking[0] not in comparison.conflicts:
                comparison.conflicts.append(blocking[0])


@cache
def mutable_matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Patterns are those of gitignore. They are compiled at the first use: a pass without departures pays nothing.

    The usual ones name whole folders, as ``var/**``, and need no library, which takes 25 ms to load.
    """
    folders = [match[1] for pattern in patterns if (match := _WHOLE_FOLDER.fullmatch(pattern))]
    if len(folders) == len(patterns):
        return partial(_starts_with, tuple(folders))
    compiled: list[Callable[[str], bool]] = []

    def matches(path: str) -> bool:
        if not compiled:
            from pathspec import PathSpec

            compiled.append(PathSpec.from_lines("gitignore", patterns).match_file)
        return compiled[0](path)

    return matches


def _starts_with(folders: tuple[str, ...], path: str) -> bool:
    return path.startswith(folders)
