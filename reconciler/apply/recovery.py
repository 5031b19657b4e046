"""What a crash left: finish it, undo it, or drop what never counted."""

from __future__ import annotations

import itertools
from enum import StrEnum
from pathlib import Path

from reconciler.apply.cleanup import prune_cache
from reconciler.apply.journal import interrupted, read_journal
from reconciler.apply.stage import beside_stage
from reconciler.apply.transaction import complete, undo
from reconciler.documents.record import drop_unnamed_pieces
from reconciler.errors import NeedsRecoveryError, RolledBackError, telling
from reconciler.fs import durable, sync, tree
from reconciler.fs.presence import entries, is_folder, is_there
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS
from reconciler.model.journal import Journal


class Recovered(StrEnum):
    """What a recovery did."""

    NONE = "none"
    FINISHED = "finished"
    UNDONE = "undone"


def recover(home: Home) -> Recovered:
    """Bring the home to exactly before or after an interrupted change. The caller holds the home's lock.

    Where nothing was interrupted, nothing is written. ``NeedsRecoveryError`` where the journal cannot be trusted, or
    the disk refuses both ways; then everything stays as it is.
    """
    outcome = _settle(home)
    with telling("files of an interrupted command could not be removed"):
        _discard_leftovers(home)
    return outcome


def abandon(home: Home) -> Path | None:
    """Set journal and staged trees aside, and keep everything else as it is; the folder they are kept in."""
    found = [path for path in (home.stage, home.journal, home.journal_undo) if is_there(path)]
    if not interrupted(home):
        return None
    kept = next(path for number in itertools.count(1) if not is_there(path := home.ours / "abandoned" / str(number)))
    durable.make_folders(kept)
    for path in found:
        durable.rename(path, kept / path.name)
    sync.sync_folder(kept)
    sync.sync_folder(home.ours)
    return kept


def _settle(home: Home) -> Recovered:
    undoing = read_journal(home.journal_undo)
    journal = undoing or read_journal(home.journal)
    if journal is None:
        return Recovered.NONE
    _check_place(home, journal)
    _sync_what_was_done(home)
    if undoing is not None:
        undo(home, undoing, InterruptedError("it was interrupted while it was undone"))
        return Recovered.UNDONE
    try:
        complete(home, journal)
    except RolledBackError:
        return Recovered.UNDONE
    return Recovered.FINISHED


def _check_place(home: Home, journal: Journal) -> None:
    """A journal names absolute paths: in a home that was moved or copied it would change another one, or nothing."""
    for move in journal.moves:
        there, here = Path(move.target).parent, home.installed(move.key.kind)
        if there != here and not (is_there(there) and is_there(here) and there.samefile(here)):
            raise NeedsRecoveryError(
                f"{home.root} was moved or copied while a change was under way: its journal names {move.target}",
                advice="nothing was changed; move it back and run 'llamagate recover', "
                "or 'llamagate recover --abandon' keeps everything as it is",
            )


def _sync_what_was_done(home: Home) -> None:
    """What is found done is not done again: it must not be lost with the power, nor must the journal itself."""
    try:
        if not sync.sync_filesystem(home.ours):
            sync.sync_tree(home.ours)
            sync.sync_folder(home.registry.parent if is_there(home.registry.parent) else home.root)
            sync.sync_folder(home.root)
    except OSError as error:
        raise NeedsRecoveryError(f"{home.ours} cannot be synced: {error.strerror}; nothing was changed") from error


def _discard_leftovers(home: Home) -> None:
    """Staging folders and half-written files of commands that died before their commit point."""
    for path in (home.record, home.journal, home.registry, home.unchanged, home.gateway_file):
        durable.discard_temporary(path)
    durable.discard_temporaries(home.generations)
    drop_unnamed_pieces(home)
    installed = [home.installed(kind) for kind in PACKAGE_KINDS]
    beside = {beside_stage(folder) for folder in installed if tree.inode_of(folder) is not None}
    left = [place for place in sorted(beside) if is_folder(place)]
    left += [home.stage] if entries(home.stage) else []
    if left:
        prune_cache(home)  # first: once nothing is left to discard, nobody looks here again
    for place in left:
        for entry in place.iterdir():
            tree.remove_tree(entry)
        if place != home.stage:
            place.rmdir()
