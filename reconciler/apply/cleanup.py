"""What is no longer needed: old backups, old generations, packages that no generation names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.apply.steps import sync_entries
from reconciler.documents.generations import generation_files, start_of, trees_in
from reconciler.documents.record import recorded_trees
from reconciler.documents.sealed import NOT_OURS
from reconciler.errors import InputError
from reconciler.fs import durable, tree
from reconciler.fs.presence import entries
from reconciler.model.home import DOCUMENT_SUFFIX, Home
from reconciler.model.regex import regex

_ONE_RUN: Final = timedelta(minutes=5)
_HEAD_BYTES: Final = 4096
_BY_WATCHER: Final = regex(rb'"applied_at": ?"([^"]+)",\s*"command": ?"llamagate watch"')


def prune(home: Home, *, backups: int, generations: int) -> None:
    """Keep the newest ``backups`` of each item and the newest ``generations``, and the packages that those need."""
    items = [item for kind in entries(home.backups) for item in entries(kind)]
    _drop(home, [old for item in items for old in _by_number(item)[: -backups or None]])
    for item in items if backups == 0 else ():
        item.rmdir()
    documents = generation_files(home)
    dropped = _surplus(documents, generations, needed=_before_backups(home))
    kept = [number for number in documents if number not in dropped]
    going = [documents[number] for number in dropped]
    if _name_more(going, [documents[number] for number in (*kept[:-3:-1], *kept[:1])]):
        prune_cache(home, without=frozenset(going))
    for path in going:
        path.unlink()


def _surplus(documents: Mapping[int, Path], most: int, *, needed: frozenset[int]) -> list[int]:
    """The generations that are too many: first the inner ones of a watcher's runs, then the oldest.

    An edit that is saved twenty times in as many minutes does not push out what was before it. The last two stay, and
    those that a backup ``needed`` to be understood.
    """
    count = len(documents) - most
    if count <= 0 or most == 0:
        return [*documents] if most == 0 else []
    inner = [number for number in _inner(documents) if number not in needed][:count]
    rest = [number for number in documents if number not in inner]
    return [*inner, *rest[: count - len(inner)]]


def _inner(documents: Mapping[int, Path]) -> Iterator[int]:
    """Those with another one of a watcher close before them and close after them, which is not the last of all."""
    numbers = [*documents][:-1]
    times = [_watched_at(documents[number]) for number in numbers]
    for index in range(1, len(numbers) - 1):
        before, now, after = times[index - 1 : index + 2]
        if before and now and after and max(now - before, after - now) < _ONE_RUN:
            yield numbers[index]


def _watched_at(path: Path) -> datetime | None:
    """When a watcher made the generation, as its first lines say; ``None`` where another command did."""
    match = _BY_WATCHER.search(start_of(path, _HEAD_BYTES))
    try:
        return datetime.fromisoformat(match[1].decode()) if match else None
    except ValueError:
        return None


def _before_backups(home: Home) -> frozenset[int]:
    """The generations before each change of which a backup is kept."""
    kept = (path for kind in entries(home.backups) for item in entries(kind) for path in _by_number(item))
    return frozenset(int(path.stem) - 1 for path in kept)


def _name_more(dropped: list[Path], some: list[Path]) -> bool:
    """Whether any of the documents ``dropped`` may name a package that ``some`` of those kept do not.

    Mostly the first of these names them all, and the others are not read.
    """
    try:
        left = {tree for path in dropped for tree in trees_in(path)}
        for path in some if left else ():
            left -= trees_in(path)
            if not left:
                break
        return bool(left)
    except (InputError, *NOT_OURS):
        return True  # a damaged document may name anything


def prune_cache(home: Home, *, without: frozenset[Path] = frozenset()) -> None:
    """Drop packages that neither the record nor a generation (but for those in ``without``) names."""
    for entry in unneeded_packages(home, without=without):
        entry.unlink()


def unneeded_packages(home: Home, *, without: frozenset[Path] = frozenset()) -> list[Path]:
    """The packages in the cache that neither the record nor a generation (but for those in ``without``) names."""
    documents = [path for path in generation_files(home).values() if path not in without]
    try:
        trees = recorded_trees(home).union(*map(trees_in, documents))
    except (InputError, *NOT_OURS):
        return []  # a damaged document: what it needs cannot be known, so everything stays
    needed = {*map(home.cached, trees), home.git_cache}
    return [entry for entry in entries(home.cache) if entry not in needed and entry.suffix != DOCUMENT_SUFFIX]


def _drop(home: Home, backups: list[Path]) -> None:
    """Remove backups so that a crash leaves each whole, or as what the next writer discards."""
    if not backups:
        return
    durable.make_folders(home.stage)
    going = [home.stage / f"{backup.parent.name}-{backup.name}" for backup in backups]
    for backup, place in zip(backups, going, strict=True):
        tree.remove_tree(place)
        durable.rename(backup, place)
    sync_entries(map(str, backups))
    for place in going:
        tree.remove_tree(place)


def _by_number(folder: Path) -> list[Path]:
    """Entries named by a generation, oldest first."""
    return sorted((path for path in entries(folder) if path.stem.isdigit()), key=lambda path: int(path.stem))
