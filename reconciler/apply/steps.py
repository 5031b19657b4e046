"""The steps of a committed change, forward and back.

Each step decides by identity (inodes) what has been done already, so that it can be run again after a crash at any
point, and it is followed by a sync before a step that relies on it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import UNSET

from reconciler.apply.gateway_file import drop_entries, edit_gateway_file, keep_entries, restore_gateway_file
from reconciler.apply.local_files import carry_local
from reconciler.apply.registry_file import edit_registry, restore_registry
from reconciler.errors import StorageError
from reconciler.fs import durable, swap, sync, tree
from reconciler.fs.carry import copy_tree
from reconciler.fs.presence import is_there
from reconciler.model.home import Home
from reconciler.model.journal import Journal, Move

_FEW_FOLDERS: Final = 8
"""Up to so many folders are synced one by one; one sync of the filesystem is cheaper for more."""


def roll_forward(home: Home, journal: Journal) -> None:
    """Carry the change out, or what is left of it."""
    for move in journal.moves:
        _swap_in(move)
    sync_entries(move.target for move in journal.moves)
    sync_entries(move.new for move in journal.moves)
    replaced = _with_old_tree(journal.moves)
    _sync_trees([move.target for move in replaced if _carry_on(move)])
    for move in replaced:
        _keep_old(move)
    sync_entries(move.backup for move in journal.moves if move.backup)
    edit_registry(home.registry, journal.edits, journal.rebuilt, broken_registry(home, journal.generation))
    if journal.servers is not UNSET:
        keep_entries(home, journal.servers, journal.generation)
        edit_gateway_file(home.gateway_file, journal.servers)
    _put_generation(home, journal)
    durable.write_file(home.record, journal.record.encode("utf-8", "surrogatepass"))


def roll_back(home: Home, journal: Journal) -> None:
    """Undo the change, or what was done of it."""
    for move in reversed(journal.moves):
        _swap_out(move)
    _sync_trees([move.target for move in journal.moves])
    sync_entries(move.target for move in journal.moves)
    sync_entries(move.backup for move in journal.moves if move.backup)
    # On a full disk each step takes only the room that the one before it has given back.
    durable.discard_temporary(home.generation(journal.generation))
    for place in (home.generation(journal.generation), home.old_generation(journal.generation)):
        durable.unlink(place, missing_ok=True)
    if journal.servers is not UNSET:
        drop_entries(home, journal.servers, journal.generation)
        restore_gateway_file(home.gateway_file, journal.servers)
    restore_registry(home.registry, journal, broken_registry(home, journal.generation))
    _restore_record(home, journal.previous_record)


def _put_generation(home: Home, journal: Journal) -> None:
    if journal.generation_text is None:
        durable.publish(home.generation(journal.generation))
        return
    durable.make_folders(home.generations)
    text = journal.generation_text.encode("utf-8", "surrogatepass")
    durable.write_file(home.old_generation(journal.generation), text)


def _restore_record(home: Home, text: str | None) -> None:
    if text is None:
        durable.unlink(home.record, missing_ok=True)
        return
    data = text.encode("utf-8", "surrogatepass")
    if not is_there(home.record) or home.record.read_bytes() != data:
        durable.write_file(home.record, data)


def broken_registry(home: Home, generation: int) -> Path:
    """Where the bytes of a registry are kept that could not be read."""
    return home.registry.with_name(f"{home.registry.name}.broken-{generation}")


def _swap_in(move: Move) -> None:
    there = tree.inode_of(move.target)
    if move.new_inode is None:
        # Anything else that stands here was put here after the removal: not ours to take.
        if there is not None and there == move.old_inode:
            _set_aside(Path(move.target), Path(move.old))
        return
    if there == move.new_inode:
        return
    if tree.inode_of(move.new) != move.new_inode:
        raise StorageError(f"the staged tree {move.new} is gone")
    if there is not None:
        if swap.exchange(Path(move.new), Path(move.target)):
            return
        _set_aside(Path(move.target), Path(move.old))
        sync_entries([move.target, move.old])
    durable.rename(move.new, move.target)


def _set_aside(target: Path, old: Path) -> None:
    if tree.inode_of(old) is None:
        swap.move(target, old)
    else:
        # The move had to copy; the copy was complete when a crash kept the source from being removed.
        carry_local(target, old, frozenset())
        _sync_trees([str(old)])
        tree.remove_tree(target)


def _carry_on(move: Move) -> bool:
    """Carry what programs wrote into the old tree until the swap; whether the new tree has anything that is local."""
    old = _old_tree(move)
    if old is None or move.new_inode is None or move.brought is None or str(old) == move.backup:
        return False
    return carry_local(old, Path(move.target), move.brought)


def _keep_old(move: Move) -> None:
    """Make the old tree the backup."""
    old = _old_tree(move)
    if old is not None and move.backup is not None and str(old) != move.backup:
        durable.make_folders(Path(move.backup).parent)
        swap.move(old, Path(move.backup))


def _swap_out(move: Move) -> None:
    target, new, old = Path(move.target), Path(move.new), _old_tree(move)
    there = tree.inode_of(target)
    if there is None:
        _bring_back(move, old)
    elif there == move.old_inode:
        # If it had to be copied, it may be half removed; the copy is whole.
        carry_local(Path(move.old), target, frozenset())
    elif there == move.new_inode and old is None:
        durable.rename(target, new)
    elif old is not None and move.new_inode in (None, there):
        carry_local(target, old, move.brought or frozenset())
        if not swap.exchange(old, target):
            aside = _vacant(new)
            swap.move(target, aside)
            sync_entries([str(target), str(aside)])
            _bring_back(move, old)
    if move.backup is not None:
        if move.old_inode == tree.inode_of(target):
            tree.remove_tree(Path(move.backup))
        durable.discard_temporary(Path(move.backup))


def _bring_back(move: Move, old: Path | None) -> None:
    """Give ``old`` its name again.

    Where it must be copied, its inode is lost, and so nothing of it is left elsewhere when the copy gets the name: what
    stands at the target is then never taken for something else. Without ``old``, a copy that is coming is whole.
    """
    target, coming = Path(move.target), _coming(Path(move.new))
    if old is not None and not _renamed(old, target):
        tree.remove_tree(coming)
        copy_tree(old, coming)
        for place in (Path(move.old), Path(move.new)):
            if place != old and tree.inode_of(place) != move.new_inode:
                tree.remove_tree(place)
        going = durable.temporary_path(old)
        tree.remove_tree(going)
        durable.rename(old, going)
        sync_entries([str(old), str(coming)])
    if tree.inode_of(coming) is not None:
        durable.rename(coming, target)


def _renamed(source: Path, target: Path) -> bool:
    try:
        durable.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _with_old_tree(moves: Iterable[Move]) -> list[Move]:
    """Those that replaced or removed something. A look at each folder costs less than one at each place of an item."""
    places = [(move, [place for place in (move.backup, move.old, move.new) if place]) for move in moves]
    there: set[str] = set()
    for folder in {place.rpartition("/")[0] for _, found in places for place in found}:
        with suppress(FileNotFoundError, NotADirectoryError):
            there |= {f"{folder}/{name}" for name in os.listdir(folder)}  # noqa: PTH208 - names are enough
    return [move for move, found in places if not there.isdisjoint(found)]


def _old_tree(move: Move) -> Path | None:
    """Where the tree stands that stood at ``target``, once it no longer does."""
    for place in (move.backup, move.old, move.new):
        inode = tree.inode_of(place) if place else None
        if place and inode is not None and inode != move.new_inode:
            return Path(place)
    return None


def _coming(staged: Path) -> Path:
    """Where a tree that must be copied grows: in the staging folder, never below ``installed``."""
    return staged.with_name(f"{staged.name}.coming")


def _vacant(place: Path) -> Path:
    return place if tree.inode_of(place) is None else place.with_name(f"{place.name}.undone")


def sync_entries(paths: Iterable[str]) -> None:
    """Make the entries of all these paths durable."""
    folders = [Path(folder) for folder in sorted({path.rpartition("/")[0] for path in paths})]
    folders = [folder for folder in folders if is_there(folder)]
    if len(folders) > _FEW_FOLDERS:
        devices = {folder: folder.stat().st_dev for folder in folders}
        one_each = {device: folder for folder, device in devices.items()}
        synced = {device for device, folder in one_each.items() if sync.sync_filesystem(folder)}
        folders = [folder for folder in folders if devices[folder] not in synced]
    for folder in folders:
        sync.sync_folder(folder)


def _sync_trees(roots: Iterable[str]) -> None:
    """Make all that is below these folders durable: by one call for each filesystem, where there is such a call."""
    synced = set()
    for root in roots:
        with suppress(FileNotFoundError, NotADirectoryError):
            device = os.lstat(root).st_dev
            if device in synced:
                continue
            if sync.sync_filesystem(Path(root)):
                synced.add(device)
            else:
                sync.sync_tree(Path(root))
