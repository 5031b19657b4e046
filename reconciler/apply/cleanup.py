"""What is no longer needed: old backups, old generations, packages that no generation names."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from reconciler.apply.steps import sync_entries
from reconciler.documents.sealed import unseal
from reconciler.errors import InputError
from reconciler.fs import durable, tree
from reconciler.fs.descriptor import naming
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.generation import GENERATION_SCHEMA
from reconciler.model.home import Home
from reconciler.model.record import RECORD_SCHEMA


def prune(home: Home, *, backups: int, generations: int) -> None:
    """Keep the newest ``backups`` of each item and the newest ``generations``, and the packages that those need."""
    items = [item for kind in _entries(home.backups) for item in _entries(kind)]
    _drop(home, [old for item in items for old in _by_number(item)[: -backups or None]])
    for item in items if backups == 0 else ():
        item.rmdir()
    documents = _by_number(home.generations)
    dropped = documents[:-generations] if generations else documents
    kept = documents[len(dropped) :]
    if _name_more(dropped, kept[:1]):
        prune_cache(home, without=frozenset(dropped))
    for path in dropped:
        path.unlink()


def _name_more(dropped: list[Path], oldest: list[Path]) -> bool:
    """Whether any of the documents ``dropped`` may name a package that the oldest which is kept does not."""
    try:
        kept = {tree for path in oldest for tree in _trees(path)}
        return any(_trees(path) - kept for path in dropped)
    except InputError:
        return True  # a damaged document may name anything


def prune_cache(home: Home, *, without: frozenset[Path] = frozenset()) -> None:
    """Drop packages that neither the record nor a generation (but for those in ``without``) names."""
    for entry in unneeded_packages(home, without=without):
        entry.unlink()


def unneeded_packages(home: Home, *, without: frozenset[Path] = frozenset()) -> list[Path]:
    """The packages in the cache that neither the record nor a generation (but for those in ``without``) names."""
    documents = [path for path in [home.record, *_by_number(home.generations)] if path.exists() and path not in without]
    try:
        needed = {home.cached(Digest(text)) for path in documents for text in _trees(path)}
    except InputError:
        return []  # a damaged document: what it needs cannot be known, so everything stays
    return [entry for entry in _entries(home.cache) if entry not in needed and entry != home.git_cache]


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


def _trees(path: Path) -> set[str]:
    with naming(str(path)):
        data = path.read_bytes()
    schema = GENERATION_SCHEMA if path.stem.isdigit() else RECORD_SCHEMA
    body = unseal(data, name=str(path), schema=schema)
    return {str(item["tree"]) for item in cast(list[JsonObject], body["items"])}


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _by_number(folder: Path) -> list[Path]:
    """Entries named by a generation, oldest first."""
    return sorted((path for path in _entries(folder) if path.stem.isdigit()), key=lambda path: int(path.stem))
