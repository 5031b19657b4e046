"""The steps of a committed change, forward and back.

Each step decides by identity (inodes) what has been done already, so that it can be run again after a crash at any
point, and it is followed by a sync before a step that relies on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reconciler.apply.registry_file import edit_registry
from reconciler.apply.stage import carry_local
from reconciler.errors import StorageError
from reconciler.fs import durable, swap, sync, tree
from reconciler.model.home import Home
from reconciler.model.journal import Journal, Move

_FEW_FOLDERS: Final = 8
"""Up to so many folders are synced one by one; one sync of the filesystem is cheaper for more."""


def roll_forward(home: Home, journal: Journal) -> None:
    """Carry the change out, or what is left of it."""
    for move in journal.moves:
        _swap_in(move)
    _sync(move.target for move in journal.moves)
    _sync(move.new for move in journal.moves)
    for move in journal.moves:
        _keep_old(move)
    _sync(move.backup for move in journal.moves if move.backup)
    edit_registry(home.registry, journal.edits, journal.rebuilt, broken_registry(home, journal.generation))
    durable.make_folders(home.generations)
    durable.write_file(home.generation(journal.generation), journal.generation_text.encode("utf-8", "surrogatepass"))
    durable.write_file(home.record, journal.record.encode("utf-8", "surrogatepass"))


def roll_back(home: Home, journal: Journal) -> None:
    """Undo the change, or what was done of it."""
    for move in reversed(journal.moves):
        _swap_out(move)
    _sync(move.target for move in journal.moves)
    _sync(move.backup for move in journal.moves if move.backup)
    edit_registry(home.registry, journal.before, journal.rebuilt, broken_registry(home, journal.generation))
    if journal.previous_record is None:
        durable.unlink(home.record, missing_ok=True)
    else:
        durable.write_file(home.record, journal.previous_record.encode("utf-8", "surrogatepass"))
    durable.unlink(home.generation(journal.generation), missing_ok=True)


def broken_registry(home: Home, generation: int) -> Path:
    """Where the bytes of a registry are kept that could not be read."""
    return home.registry.with_name(f"{home.registry.name}.broken-{generation}")


def _swap_in(move: Move) -> None:
    target, new, old = Path(move.target), Path(move.new), Path(move.old)
    there = tree.inode_of(target)
    if move.new_inode is None:
        # Anything else that stands here was put here after the removal: not ours to take.
        if there is not None and there == move.old_inode:
            _set_aside(target, old)
        return
    if there == move.new_inode:
        return
    if tree.inode_of(new) != move.new_inode:
        raise StorageError(f"the staged tree {new} is gone")
    if there is not None:
        if swap.exchange(new, target):
            return
        _set_aside(target, old)
        _sync([move.target, move.old])
    durable.rename(new, target)


def _set_aside(target: Path, old: Path) -> None:
    if tree.inode_of(old) is None:
        swap.move(target, old)
    else:
        # The move had to copy; the copy was complete when a crash kept the source from being removed.
        carry_local(target, old, frozenset())
        tree.remove_tree(target)


def _keep_old(move: Move) -> None:
    """Carry what programs wrote into the old tree until the swap, then make it the backup."""
    old = _old_tree(move)
    if old is None or move.backup is None or str(old) == move.backup:
        return
    if move.new_inode is not None and move.brought is not None:
        carry_local(old, Path(move.target), move.brought)
    durable.make_folders(Path(move.backup).parent)
    swap.move(old, Path(move.backup))


def _swap_out(move: Move) -> None:
    target, new, old = Path(move.target), Path(move.new), _old_tree(move)
    there = tree.inode_of(target)
    if there is None:
        if old is not None:
            swap.move(old, target, via=_coming(new))
    elif there == move.new_inode and old is None:
        durable.rename(target, new)
    elif there != move.old_inode and old is not None and move.new_inode in (None, there):
        carry_local(target, old, move.brought or frozenset())
        _exchange_back(old, target, aside=_vacant(new))
    if move.backup is not None and move.old_inode == tree.inode_of(target):
        tree.remove_tree(Path(move.backup))


def _exchange_back(old: Path, target: Path, *, aside: Path) -> None:
    if swap.exchange(old, target):
        return
    swap.move(target, aside)
    _sync([str(target), str(aside)])
    swap.move(old, target, via=_coming(aside))


def _old_tree(move: Move) -> Path | None:
    """Where the tree stands that stood at ``target``, once it no longer does."""
    for place in (move.backup, move.old, move.new):
        inode = tree.inode_of(Path(place)) if place else None
        if place and inode is not None and inode != move.new_inode:
            return Path(place)
    return None


def _coming(staged: Path) -> Path:
    """Where a tree that must be copied grows: in the staging folder, never below ``installed``."""
    return staged.with_name(f"{staged.name}.coming")


def _vacant(place: Path) -> Path:
    return place if tree.inode_of(place) is None else place.with_name(f"{place.name}.undone")


def _sync(paths: Iterable[str]) -> None:
    """Make the entries of all these paths durable."""
    folders = sorted({Path(path).parent for path in paths})
    if len(folders) > _FEW_FOLDERS:
        filesystems = {folder.stat().st_dev: folder for folder in folders if folder.exists()}
        folders = [folder for folder in filesystems.values() if not sync.sync_filesystem(folder)]
    for folder in folders:
        if folder.exists():
            sync.sync_folder(folder)
