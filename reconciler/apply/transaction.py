"""The transaction: stage, commit, carry out, tidy up. ``docs/architecture.md`` tells why a crash cannot hurt it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec.structs import replace

from reconciler.apply.cleanup import prune, prune_cache
from reconciler.apply.inputs import inputs_written
from reconciler.apply.journal import begin_undo, interrupted, write_journal
from reconciler.apply.new_tree import NewTree
from reconciler.apply.stage import Stage
from reconciler.apply.steps import roll_back, roll_forward
from reconciler.codes import WarningCode
from reconciler.documents.generations import stage_generation
from reconciler.documents.pieces import write_pieces
from reconciler.documents.record import RecordFiles, drop_unnamed_pieces, names_in
from reconciler.errors import LlamagateError, NeedsRecoveryError, RolledBackError, StorageError, refused
from reconciler.fs import durable, sync, tree
from reconciler.fs.presence import is_there
from reconciler.model.desired import Policy
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.inputs import Input
from reconciler.model.journal import Journal, Move
from reconciler.model.note import Note
from reconciler.model.plan import Action
from reconciler.model.record import RecordedFile
from reconciler.packages.content import OpenPackage


class Transaction:
    """One change of a home, by the holder of its lock.

    ``stage_item`` for each item that is rewritten, ``stage_documents``, then ``commit``. Until ``commit`` nothing has
    happened.
    """

    def __init__(self, home: Home, generation: int) -> None:
        self.home = home
        self.generation = generation
        self.stage = Stage(home, f"{generation}")
        self.documents: list[Path] = []

    def stage_item(self, key: ItemKey, wanted: NewTree) -> Mapping[str, RecordedFile]:
        """Build one new tree, and keep its package in the cache."""
        self.keep_package(key, wanted.opened)
        return self.stage.build(key, wanted)

    def stage_backup(self, key: ItemKey, backup: int, opened: OpenPackage) -> None:
        """Build the new tree as a copy of a whole backup, and keep its package in the cache."""
        self.keep_package(key, opened)
        self.stage.copy(key, self.home.backup(key, backup))

    def keep_package(self, key: ItemKey, opened: OpenPackage) -> None:
        """Keep a package in the cache, whether or not its files are written: undoing must not need its source."""
        self.stage.prepare(key.kind)
        self.stage.cache(opened.package.tree, opened.content)

    def stage_documents(self, record: RecordFiles, generation: bytes, previous: bytes | None) -> None:
        """Write what the record consists of from now, but for its head, and the generation, which has no name yet.

        ``previous`` is the head before: what that names is there.
        """
        known = names_in(previous, str(self.home.record))
        self.documents = write_pieces(self.home, record.pieces, known)
        self.documents.append(stage_generation(self.home, self.generation, generation))

    def commit(
        self, actions: tuple[Action, ...], journal: Journal, inputs: tuple[Input, ...], policy: Policy
    ) -> list[Note]:
        """Do it all, or nothing. Returns warnings about what could not be tidied up afterwards.

        ``journal`` has all but the moves, which are made here of ``actions``. ``inputs`` are written before the commit
        point: they are those of the next pass. ``policy`` says how much is kept.

        ``StorageError``, ``InputChangedError``: nothing was changed. ``RolledBackError``: it was undone.
        ``NeedsRecoveryError``: neither.
        """
        moves = tuple(self._move(action) for action in actions if action.rewrites)
        self.stage.seal()
        sync.sync_files(self.documents)
        journal = replace(journal, moves=moves)
        with inputs_written(inputs):
            _commit(self.home, journal)
            complete(self.home, journal)
        return self._tidy(policy)

    def _move(self, action: Action) -> Move:
        key = action.key
        self.stage.prepare(key.kind)
        target, new = self.stage.target(key), self.stage.new(key)
        old_inode = tree.inode_of(target)
        backup = self.home.backup(key, self.generation) if old_inode is not None else None
        if backup is not None and tree.inode_of(backup) is not None:
            raise StorageError(f"{backup} already exists where a new backup must go; move it away")
        return Move(
            key=key,
            target=target,
            new=new,
            old=self.stage.old(key),
            new_inode=tree.inode_of(new) if action.after else None,
            old_inode=old_inode,
            backup=str(backup) if backup is not None else None,
            brought=action.brought if action.after else None,
        )

    def _tidy(self, policy: Policy) -> list[Note]:
        try:
            self.stage.discard()
            drop_unnamed_pieces(self.home)
            prune(self.home, backups=policy.backups, generations=policy.generations)
        except (OSError, LlamagateError) as error:
            message = f"the change is done, but old backups and temporary files could not be removed: {error}"
            return [Note(WarningCode.NOT_TIDIED, message)]
        return []


def _commit(home: Home, journal: Journal) -> None:
    """Write the journal. Where that fails half-way, it must not stand: a recovery would take it for committed."""
    try:
        write_journal(home, journal)
    except OSError as error:
        try:
            if tree.inode_of(home.journal) is not None:
                durable.unlink(home.journal)
        except OSError as second:
            raise NeedsRecoveryError(
                f"the journal was not written ({error}), and could not be removed ({second})"
            ) from error
        raise


def complete(home: Home, journal: Journal) -> None:
    """Carry a committed change out and end it; where that cannot be, undo it and say so."""
    try:
        roll_forward(home, journal)
    except (OSError, LlamagateError) as error:
        undo(home, journal, error)
        cause = refused(error) if isinstance(error, OSError) else error
        raise RolledBackError(f"the change failed and was undone: {cause}") from error
    _end(home.journal)


def undo(home: Home, journal: Journal, cause: Exception) -> None:
    """Undo a committed change and end it; ``NeedsRecoveryError`` where that fails too."""
    try:
        if is_there(home.journal):
            begin_undo(home)
        roll_back(home, journal)
    except (OSError, LlamagateError) as error:
        raise NeedsRecoveryError(f"the change failed ({cause}), and undoing it failed too ({error})") from error
    _end(home.journal_undo)


def _end(journal: Path) -> None:
    try:
        durable.unlink(journal)
    except OSError as error:
        raise NeedsRecoveryError(f"the change is complete, but its journal cannot be removed: {error}") from error


@contextmanager
def transaction(home: Home, generation: int) -> Iterator[Transaction]:
    """A transaction whose staging folders go away when it fails before its commit point."""
    under_way = Transaction(home, generation)
    try:
        yield under_way
    except BaseException as error:
        _discard_quietly(under_way)
        if isinstance(error, OSError):
            raise StorageError.of(error, "nothing was changed") from error
        raise


def _discard_quietly(failed: Transaction) -> None:
    """The error that led here is the one to report; what stays is removed by the next command that writes.

    While a journal stands, or nobody can tell, the staged trees are needed.
    """
    with suppress(OSError):
        if not interrupted(failed.home):
            durable.discard_temporary(failed.home.generation(failed.generation))
            drop_unnamed_pieces(failed.home)
            prune_cache(failed.home)
            failed.stage.discard()
