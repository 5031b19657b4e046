"""Files of a package that have another name now: told as one that changes, not as a new one and one that is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from reconciler.model.config import JsonObject
from reconciler.planning.content.decoded import decoded
from reconciler.planning.content.file_change import FileSide, file_change

Sides: TypeAlias = tuple[str, FileSide | None, FileSide | None]
"""A path, with its file before and after."""
_MOST_PAIRS: Final = 2_500
"""With more pairs of new and removed files only those of the same bytes are looked for."""
_MOST_LINES: Final = 5_000
"""Of a file that may have changed, too; only one of the same bytes may have more."""
_LEAST_PART: Final = 0.5
"""How much of the lines of the longer one both must have."""


def changes_of(files: Iterable[Sides]) -> list[JsonObject]:
    """The entries of ``diff.files``, by path."""
    found: list[JsonObject] = []
    gone: dict[str, FileSide] = {}
    new: dict[str, FileSide] = {}
    for path, before, after in files:
        if before and not after:
            gone[path] = before
        elif after and not before:
            new[path] = after
        elif change := file_change(path, before, after):
            found.append(change)
    names = _renamed(gone, new)
    for path, after in new.items():
        before = gone.pop(names[path]) if path in names else None
        if change := file_change(path, before, after, renamed_from=names.get(path)):
            found.append(change)
    found += [change for path, before in gone.items() if (change := file_change(path, before, None))]
    return sorted(found, key=lambda one: str(one["path"]))


def _renamed(gone: Mapping[str, FileSide], new: Mapping[str, FileSide]) -> dict[str, str]:
    """The old name of each new file that has one."""
    names: dict[str, str] = {}
    old_by_digest: dict[str, list[str]] = {}
    for path, side in gone.items():
        if side.data != b"":
            old_by_digest.setdefault(side.sha256, []).append(path)
    for path, side in new.items():
        if same := old_by_digest.get(side.sha256):
            names[path] = same.pop(0)
    left = [path for path in gone if path not in names.values()]
    for path, old in _alike({one: gone[one] for one in left}, {one: new[one] for one in new if one not in names}):
        if path not in names and old in left:
            names[path] = old
            left.remove(old)
    return names


def _alike(gone: Mapping[str, FileSide], new: Mapping[str, FileSide]) -> Sequence[tuple[str, str]]:
    """The pairs of a new and an old path whose lines are mostly the same, the most alike first."""
    if len(gone) * len(new) > _MOST_PAIRS:
        return ()
    before, after = dict(_lines(gone)), dict(_lines(new))
    rated = [
        (part, path, old)
        for path, lines in after.items()
        for old, others in before.items()
        if (part := _part(lines, others)) >= _LEAST_PART
    ]
    return [(path, old) for _, path, old in sorted(rated, key=lambda one: (-one[0], one[1], one[2]))]


def _part(one: Counter[str], other: Counter[str]) -> float:
    """How much of the longer one both have; 0 where their lengths alone say that it is too little."""
    least, most = sorted((one.total(), other.total()))
    return (one & other).total() / most if least >= _LEAST_PART * most else 0.0


def _lines(files: Mapping[str, FileSide]) -> Iterator[tuple[str, Counter[str]]]:
    for path, side in files.items():
        text = decoded(side.data) if side.data else None
        if (
            text is not None
            and text.text.count("\n") <= _MOST_LINES
            and (lines := Counter(line for line in text.text.split("\n") if line.strip()))
        ):
            yield path, lines
