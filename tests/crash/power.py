"""What a power cut can leave: the calls of a command replayed on a model of a disk, without some that were not synced.

An operation is on entries of folders or on the bytes of a file. It lasts once its folder (for a rename: either of the
two), its file, or the whole file system was synced after it. Until then it may be lost alone, while later ones are not:
harsher than any journaling file system, and all that POSIX promises. Folders and files are told by identity and not by
path, so that whatever is in a folder whose own entry was lost is lost with it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from reconciler.documents.sealed import seal, unseal
from reconciler.errors import InputError
from reconciler.model.config import JsonObject
from reconciler.model.journal import JOURNAL_SCHEMA
from tests.crash.figures import FIGURES
from tests.crash.shim import Call

NEVER: Final = 1 << 30
_GONE: Final = -1
"""An inode that nothing has."""


@dataclass(slots=True)
class Node:
    """A file, a folder or (with ``target``) a link on the model's disk."""

    mode: int = 0
    data: bytearray = field(default_factory=bytearray)
    entries: dict[str, int] | None = None
    target: str | None = None


@dataclass(slots=True)
class Operation:
    """One change of the disk by the call number ``at``. It touches nodes; it lasts from the call ``lasts`` on."""

    at: int
    touches: frozenset[int]
    change: Callable[[dict[int, Node]], None]
    lasts: int = NEVER


@dataclass(frozen=True, slots=True)
class Disk:
    """Nodes by number, and which of them is the folder that the others are below."""

    nodes: dict[int, Node]
    root: int

    @property
    def looks(self) -> int:
        """The same for two disks on which the same is to be seen. Most losses leave what another one leaves."""
        return hash(frozenset(self._seen(self.root, "")))

    def _seen(self, number: int, path: str) -> Iterator[tuple[str, int, int, str | None, bytes]]:
        node = self.nodes[number]
        yield path, number, node.mode, node.target, bytes(node.data)
        for name, child in (node.entries or {}).items():
            yield from self._seen(child, f"{path}/{name}")


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut after the call ``moment``, what it leaves, and both in words."""

    moment: int
    disk: Disk
    words: str


class Tape:
    """All operations of a command that started on ``base``, which it reads now."""

    def __init__(self, base: Path, calls: tuple[Call, ...]) -> None:
        self.base = base
        self.calls = calls
        self.operations: list[Operation] = []
        self.journal: dict[str, int] = {}
        self._start: dict[int, Node] = {}
        self._numbers: dict[int, int] = {}
        self.root = self._scan(base)
        self._now = _copy(self._start)
        for at, call in enumerate(calls, 1):
            if not call.failed:
                self._play(at, call)

    @property
    def moments(self) -> list[int]:
        """When it is worth to cut the power: just before each sync, which is when most can be lost, and at the end."""
        syncs = [at - 1 for at, call in enumerate(self.calls, 1) if call.name in ("fsync", "syncfs")]
        return [*syncs, len(self.calls)]

    def losses(self, moment: int) -> Iterator[tuple[int, ...]]:
        """What can be lost at ``moment``: nothing, each operation that does not last yet, and each pair of them."""
        loose = [number for number, one in enumerate(self.operations) if one.at <= moment < one.lasts]
        for count in range(3):
            yield from itertools.combinations(loose, count)

    def cuts(self, at_most: int, *, end: int, since: int = 0, one_of: int = 1) -> Iterator[Cut]:
        """Up to ``at_most`` at one of so many moments, without those that leave what another one left.

        From the call ``end`` on nothing is undone, so cuts before it and after it are told apart.
        """
        seen = set()
        for moment in [moment for moment in self.moments if moment >= since][::-one_of]:
            losses = list(self.losses(moment))
            chance = random.Random(moment)  # noqa: S311 - the same sample each time
            for lost in losses if len(losses) <= at_most else chance.sample(losses, at_most):
                FIGURES["power cuts on a model of a disk"] += 1
                disk = self._left(moment, lost)
                looks = disk.looks, moment >= end
                if looks not in seen:
                    seen.add(looks)
                    yield Cut(moment, disk, f"cut after {moment}, {self.calls[moment - 1]}, {self.named(lost)} lost")

    def _left(self, moment: int, lost: tuple[int, ...]) -> Disk:
        nodes = _copy(self._start)
        for number, operation in enumerate(self.operations):
            if operation.at <= moment and number not in lost:
                operation.change(nodes)
        return Disk(nodes, self.root)

    def write(self, disk: Disk) -> bool:
        """Make ``base`` what is on the disk; whether a journal stands there."""
        shutil.rmtree(self.base)
        written: dict[int, Path] = {}
        _write(disk.nodes, self.root, self.base, written)
        inodes = {number: path.lstat().st_ino for number, path in written.items()}
        journals = [path for path in (self.base / "home" / "reconciler").glob("journal*") if path.is_file()]
        for path in journals:
            self._renumber(path, inodes)
        return bool(journals)

    def named(self, lost: tuple[int, ...]) -> str:
        """The lost operations in words."""
        return ", ".join(str(self.calls[self.operations[number].at - 1]) for number in lost) or "nothing"

    def _scan(self, path: Path) -> int:
        status = path.lstat()
        if status.st_ino in self._numbers:
            return self._numbers[status.st_ino]
        number = self._numbers[status.st_ino] = len(self._start)
        node = self._start[number] = Node(stat.S_IMODE(status.st_mode))
        if stat.S_ISDIR(status.st_mode):
            node.entries = {child.name: self._scan(child) for child in path.iterdir()}
        elif stat.S_ISLNK(status.st_mode):
            node.target = str(path.readlink())
        else:
            node.data = bytearray(path.read_bytes())
        return number

    def _play(self, at: int, call: Call) -> None:
        if call.name in ("fsync", "fdatasync", "syncfs"):
            synced = self._at(call.paths[0])
            for operation in self.operations:
                if operation.lasts == NEVER and (call.name == "syncfs" or synced in operation.touches):
                    operation.lasts = at
            return
        made = _MAKERS[call.name](self, call) if call.name in _MAKERS else None
        if made is not None:
            touches, change = made
            operation = Operation(at, frozenset(touches), change)
            self.operations.append(operation)
            change(self._now)
        if call.name == "replace" and call.paths[1].endswith("/reconciler/journal"):
            self._note_journal(Path(call.paths[1]))

    def _note_journal(self, path: Path) -> None:
        """Which nodes the inodes in the journal stand for."""
        written = self._now[self._must(str(path))].data
        for move in _moves(bytes(written)):
            for name, place in (("new_inode", "new"), ("old_inode", "target")):
                number = self._at(str(move[place]))
                if move[name] is not None and number is not None:
                    self.journal[f"{move['target']} {name}"] = number

    def _renumber(self, path: Path, inodes: dict[int, int]) -> None:
        try:
            _, data = unseal(path.read_bytes(), name=str(path), schema=JOURNAL_SCHEMA)
        except InputError:
            return
        body = json.loads(data)
        for move in body["journal"]["moves"]:
            for name in ("new_inode", "old_inode"):
                number = self.journal.get(f"{move['target']} {name}")
                if number is not None:
                    move[name] = inodes.get(number, _GONE)
        path.write_bytes(seal(body))

    def _at(self, path: str) -> int | None:
        """The node that has this path now."""
        number: int | None = self.root
        for part in Path(path).relative_to(self.base).parts:
            entries = None if number is None else self._now[number].entries
            number = None if entries is None else entries.get(part)
        return number

    def _must(self, path: str) -> int:
        number = self._at(path)
        assert number is not None, f"{path} is not on the disk"
        return number

    def _new(self, node: Node) -> int:
        number = len(self._start)
        self._start[number] = node
        self._now[number] = _copy({0: node})[0]
        return number

    def entry(self, path: str) -> tuple[int, str]:
        """A path as a folder and a name."""
        folder, _, name = path.rpartition("/")
        return self._must(folder), name


_Made = tuple[set[int], Callable[[dict[int, Node]], None]] | None


def _entries(nodes: dict[int, Node], folder: int) -> dict[str, int]:
    entries = nodes[folder].entries
    assert entries is not None
    return entries


def _one_name(nodes: dict[int, Node], number: int) -> None:
    """A folder has one name: if a rename of it lasts, so do those that went before."""
    if nodes[number].entries is not None:
        for node in nodes.values():
            for name in [name for name, child in (node.entries or {}).items() if child == number]:
                del (node.entries or {})[name]


def _make(tape: Tape, call: Call, node: Node) -> _Made:
    path = call.paths[0]
    if not call.data or tape._at(path) is not None or tape._at(str(Path(path).parent)) is None:
        return None
    folder, name = tape.entry(path)
    number = tape._new(node)
    return {folder}, lambda nodes: _entries(nodes, folder).__setitem__(name, number)


def _link(tape: Tape, call: Call) -> _Made:
    number, (folder, name) = tape._must(call.paths[0]), tape.entry(call.paths[1])
    return {folder}, lambda nodes: _entries(nodes, folder).__setitem__(name, number)


def _rename(tape: Tape, call: Call) -> _Made:
    (source, old), (target, new) = map(tape.entry, call.paths)
    number = tape._must(call.paths[0])

    def change(nodes: dict[int, Node]) -> None:
        if _entries(nodes, source).get(old) == number:
            del _entries(nodes, source)[old]
        _one_name(nodes, number)
        _entries(nodes, target)[new] = number

    return {source, target}, change


def _exchange(tape: Tape, call: Call) -> _Made:
    places = [tape.entry(path) for path in call.paths]
    numbers = [tape._must(path) for path in call.paths]

    def change(nodes: dict[int, Node]) -> None:
        for number in numbers:
            _one_name(nodes, number)
        for (folder, name), number in zip(places, reversed(numbers), strict=True):
            _entries(nodes, folder)[name] = number

    return {folder for folder, _ in places}, change


def _remove(tape: Tape, call: Call) -> _Made:
    number = tape._at(call.paths[0])
    if number is None:
        return None
    folder, name = tape.entry(call.paths[0])

    def change(nodes: dict[int, Node]) -> None:
        if _entries(nodes, folder).get(name) == number:
            del _entries(nodes, folder)[name]

    return {folder}, change


def _write_bytes(tape: Tape, call: Call) -> _Made:
    number, data = tape._must(call.paths[0]), call.data.encode("latin-1")

    def change(nodes: dict[int, Node]) -> None:
        held = nodes[number].data
        held.extend(bytes(max(0, call.offset + len(data) - len(held))))
        held[call.offset : call.offset + len(data)] = data

    return {number}, change


def _set_mode(tape: Tape, call: Call) -> _Made:
    number, mode = tape._must(call.paths[0]), int(call.data, 8)

    def change(nodes: dict[int, Node]) -> None:
        nodes[number].mode = mode

    return {number}, change


_MAKERS: Final[dict[str, Callable[[Tape, Call], _Made]]] = {
    "mkdir": lambda tape, call: _make(tape, call, Node(0o755, entries={})),
    "open": lambda tape, call: _make(tape, call, Node(int(call.data or "0", 8) & 0o755)),
    "symlink": lambda tape, call: _make(tape, call, Node(target=call.data)),
    "link": _link,
    "rename": _rename,
    "replace": _rename,
    "exchange": _exchange,
    "unlink": _remove,
    "rmdir": _remove,
    "write": _write_bytes,
    "chmod": _set_mode,
    "fchmod": _set_mode,
}


def _moves(data: bytes) -> list[JsonObject]:
    return cast(list[JsonObject], json.loads(data)["body"]["journal"]["moves"])


def _copy(nodes: dict[int, Node]) -> dict[int, Node]:
    return {
        number: Node(node.mode, bytearray(node.data), None if node.entries is None else dict(node.entries), node.target)
        for number, node in nodes.items()
    }


def _write(nodes: dict[int, Node], number: int, path: Path, written: dict[int, Path]) -> None:
    node = nodes[number]
    if number in written:
        os.link(written[number], path, follow_symlinks=False)
    elif node.entries is not None:
        path.mkdir()
        for name, child in node.entries.items():
            _write(nodes, child, path / name, written)
    elif node.target is not None:
        path.symlink_to(node.target)
    else:
        path.write_bytes(node.data)
        path.chmod(node.mode)
    written.setdefault(number, path)
