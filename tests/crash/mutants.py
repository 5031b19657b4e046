"""What is done to the program in the forked process before it runs: damage that the tests must notice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from reconciler.apply import cleanup, inputs, recovery, steps, transaction
from reconciler.apply.journal import write_journal
from reconciler.apply.recovery import Recovered
from reconciler.apply.transaction import complete
from reconciler.fs import durable, replace, swap, sync, tree
from reconciler.fs.durable import publish, write_file
from reconciler.fs.replace import replace_if
from reconciler.fs.sync import sync_folder
from reconciler.model.home import Home
from reconciler.model.journal import Journal, Move
from tests.crash.cuts import CUTS

Mutant = Callable[[], None]
_DOCUMENTS: Final = ("journal", "llamagate.lock.yaml", "installed.json", "record.json")


def record_before_the_journal() -> None:
    _before_the_commit(lambda home, journal: write_file(home.record, journal.record.encode()))


def journal_after_the_first_move() -> None:
    _before_the_commit(lambda _, journal: steps._swap_in(journal.moves[0]))


def backups_dropped_before_the_commit() -> None:
    _before_the_commit(lambda home, _: cleanup.prune(home, backups=0, generations=9))


def staging_discarded_before_the_moves() -> None:
    _before_recovery(lambda home, _: tree.remove_tree(home.stage))


def registry_left_alone_by_recovery() -> None:
    _before_recovery(lambda *_: _put(steps, "edit_registry", _nothing))


def journal_dropped_by_recovery() -> None:
    def settle(home: Home) -> Recovered:
        durable.unlink(home.journal, missing_ok=True)
        return Recovered.NONE

    _put(recovery, "_settle", settle)


def leftovers_left_by_recovery() -> None:
    _put(recovery, "_discard_leftovers", _nothing)


def journal_gone_before_the_record() -> None:
    _end_before_writing("record.json")


def journal_gone_before_the_generation() -> None:
    _put(durable, "publish", _after_the_end(publish))
    _put(transaction, "_end", partial(durable.unlink, missing_ok=True))


def pieces_after_the_commit() -> None:
    _after_the_commit("write_pieces", [])


def generation_after_the_commit() -> None:
    _after_the_commit("stage_generation", Path(__file__))


def pieces_and_generation_not_synced() -> None:
    _put(sync, "sync_files", _nothing)


def name_of_the_generation_not_synced() -> None:
    _put(durable, "publish", partial(_without_folders, publish))


def journal_written_in_place() -> None:
    _around_writing("journal", lambda path, data, **_: path.write_bytes(data))


def backups_removed_in_place() -> None:
    def drop(_: Home, backups: list[Path]) -> None:
        for backup in backups:
            tree.remove_tree(backup)

    _put(cleanup, "_drop", drop)


def backups_not_kept() -> None:
    _put(steps, "_keep_old", _nothing)


def moves_without_a_look() -> None:
    real = steps._swap_in

    def swap_in(move: Move) -> None:
        if move.new_inode is not None and Path(move.target).exists() and Path(move.new).exists():
            swap.exchange(Path(move.new), Path(move.target))
        else:
            real(move)

    _put(steps, "_swap_in", swap_in)


def staged_trees_not_synced() -> None:
    _put(sync, "sync_filesystem", lambda _: True)


def moves_not_synced() -> None:
    _skip_entries("/installed/", "/stage/")
    _put(steps, "_sync_trees", _nothing)  # which would do instead, in a world with local files


def backups_not_synced() -> None:
    _skip_entries("/backups/")


def folders_not_synced() -> None:
    make_folder = durable._make_folder
    _put(durable, "_make_folder", lambda path, **options: _without_folders(make_folder, path, **options))


def cache_not_synced() -> None:
    _put(sync, "sync_folder", lambda path: None if path.name == "cache" else sync_folder(path))


def carried_files_not_synced() -> None:
    a_program_writes_meanwhile()
    _put(steps, "_sync_trees", _nothing)


def a_program_writes_meanwhile() -> None:
    """No damage: just before the commit, and durably, a program writes into the folder that will be replaced."""

    def write(home: Home, _: Journal) -> None:
        place = home.root / "extensions" / "installed" / "updated" / "var"
        for folder, name in ((place, "late.txt"), (place / "empty", "later.txt")):
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o644)
            os.write(file, b"late")
            os.fsync(file)
            os.close(file)
            sync_folder(folder)

    _before_the_commit(write)


def _bytes_not_synced(name: str) -> None:
    write_new = durable.write_new

    def write(path: Path, data: bytes, mode: int, *, sync: bool, owner: tuple[int, int] | None = None) -> None:
        write_new(path, data, mode, sync=sync and name not in path.name, owner=owner)

    for module in (durable, replace):
        _put(module, "write_new", write)


def _name_not_synced(name: str) -> None:
    _around_writing(name, partial(_without_folders, write_file))
    _around_replacing(name, partial(_without_folders, replace_if))


def _put(module: ModuleType, name: str, value: object) -> None:
    """In place of what the module's functions call."""
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, value)


def _nothing(*_: object, **__: object) -> None:
    """Instead of what should be done."""


def _before_the_commit(step: Callable[[Home, Journal], object]) -> None:
    def write(home: Home, journal: Journal) -> None:
        step(home, journal)
        write_journal(home, journal)

    _put(transaction, "write_journal", write)


def _after_the_commit(name: str, said: object) -> None:
    """Do what the function ``name`` of a transaction does only once the journal is there."""
    real, asked = getattr(transaction, name), list[tuple[object, ...]]()

    def ask(*args: object) -> object:
        asked.append(args)
        return said

    def write(home: Home, journal: Journal) -> None:
        write_journal(home, journal)
        real(*asked.pop())

    _put(transaction, name, ask)
    _put(transaction, "write_journal", write)


def _before_recovery(step: Callable[[Home, Journal], object]) -> None:
    def finish(home: Home, journal: Journal) -> None:
        step(home, journal)
        complete(home, journal)

    _put(recovery, "complete", finish)


def _around_writing(name: str, write: Callable[..., None]) -> None:
    """Let ``write`` write the documents of that name."""

    def replacement(path: Path, *args: Any, **kwargs: Any) -> None:
        (write if path.name == name else write_file)(path, *args, **kwargs)

    _put(durable, "write_file", replacement)


def _around_replacing(name: str, replace: Callable[..., bool]) -> None:
    """Let ``replace`` replace the inputs of that name."""

    def replacement(path: Path, *args: Any, **kwargs: Any) -> bool:
        return (replace if path.name == name else replace_if)(path, *args, **kwargs)

    _put(inputs, "replace_if", replacement)


def _end_before_writing(name: str) -> None:
    """End the change, and only then write the document."""

    _around_writing(name, _after_the_end(write_file))
    _put(transaction, "_end", partial(durable.unlink, missing_ok=True))


def _after_the_end(write: Callable[..., object]) -> Callable[..., None]:
    """``write`` of a path, once the journal of the home is gone."""

    def late(path: Path, *args: Any, **kwargs: Any) -> None:
        ours = next(folder for folder in path.parents if folder.name == "reconciler")
        durable.unlink(ours / "journal", missing_ok=True)
        write(path, *args, **kwargs)

    return late


def _without_folders(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The call, but the folders that it syncs are not."""
    for module in (durable, replace):
        _put(module, "sync_folder", _nothing)
    result = call(*args, **kwargs)
    for module in (durable, replace):
        _put(module, "sync_folder", sync_folder)
    return result


def _skip_entries(*parts: str) -> None:
    real = steps.sync_entries

    def sync_entries(paths: Iterable[str]) -> None:
        real(path for path in paths if not any(part in path for part in parts))

    _put(steps, "sync_entries", sync_entries)


ORDER: Final[tuple[Mutant, ...]] = (
    record_before_the_journal,
    journal_after_the_first_move,
    journal_written_in_place,
    journal_gone_before_the_record,
    journal_gone_before_the_generation,
    pieces_after_the_commit,
    generation_after_the_commit,
    journal_dropped_by_recovery,
    registry_left_alone_by_recovery,
    staging_discarded_before_the_moves,
    leftovers_left_by_recovery,
    moves_without_a_look,
    backups_dropped_before_the_commit,
    backups_removed_in_place,
    backups_not_kept,
)
"""Steps in a wrong order, or left out: a killed process shows them."""
SYNCS: Final[dict[str, Mutant]] = {
    "staged trees": staged_trees_not_synced,
    "moves": moves_not_synced,
    "backups": backups_not_synced,
    "folders": folders_not_synced,
    "cache": cache_not_synced,
    "pieces and generation": pieces_and_generation_not_synced,
    "name of the generation": name_of_the_generation_not_synced,
    **{f"bytes of {name}": partial(_bytes_not_synced, name) for name in _DOCUMENTS},
    **{f"name of {name}": partial(_name_not_synced, name) for name in _DOCUMENTS},
}
"""What is not synced: only a power cut shows that."""
ALL: Final[dict[str, Mutant]] = {
    **{mutant.__name__: mutant for mutant in (*ORDER, a_program_writes_meanwhile, carried_files_not_synced)},
    **SYNCS,
    **CUTS,
}
