"""Single changes, after each of which a full pass must be made: a line each. Each returns what undoes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from msgspec.structs import replace

from reconciler.planning.intent import Allowances
from reconciler.reconcile.options import Options
from tests.unchanged.recorded import ITEM, RECORD, of_item, of_record
from tests.unchanged.world import World, restored

Undo = Callable[[], object]
Change = Callable[[World, Random], Undo]
FILES: Final = ("manifest.yaml", "templates/deep/a.txt", "run.sh")


def a_byte(where: Callable[[World, Random], Path]) -> Change:
    """One byte is another one; the file keeps its size and its modification time."""

    def change(world: World, random: Random) -> Undo:
        path = where(world, random)
        undo, status = restored(path), path.stat()
        data = bytearray(path.read_bytes())
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return undo

    return change


def touched(where: Callable[[World, Random], Path]) -> Change:
    def change(world: World, random: Random) -> Undo:
        os.utime(where(world, random))
        return lambda: None

    return change


def gone(where: Callable[[World, Random], Path]) -> Change:
    def change(world: World, random: Random) -> Undo:
        path = where(world, random)
        undo = restored(path)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return undo

    return change


def other_mode(where: Callable[[World, Random], Path]) -> Change:
    def change(world: World, random: Random) -> Undo:
        path = where(world, random)
        mode = path.stat().st_mode
        path.chmod(mode ^ (0o111 if path.is_file() else 0o020))
        return lambda: path.chmod(mode)

    return change


def copied(where: Callable[[World, Random], Path]) -> Change:
    """The same content in another inode, with the same modification time."""

    def change(world: World, random: Random) -> Undo:
        path = where(world, random)
        copy = path.with_name("copy")
        shutil.copy2(path, copy)
        copy.rename(path)
        return lambda: None

    return change


def a_link(where: Callable[[World, Random], Path]) -> Change:
    """What was there is elsewhere, and a link leads to it: nothing below it has another stamp."""

    def change(world: World, random: Random) -> Undo:
        path = where(world, random)
        aside = world.project / "elsewhere"
        path.rename(aside)
        path.symlink_to(aside)

        def undo() -> None:
            path.unlink()
            aside.rename(path)

        return undo

    return change


def new(where: Callable[[World, Random], Path]) -> Change:
    def change(world: World, random: Random) -> Undo:
        path = where(world, random)
        path.mkdir() if path.suffix == ".folder" else path.write_text("new")
        return restored_absence(path)

    return change


def restored_absence(path: Path) -> Undo:
    return lambda: path.rmdir() if path.is_dir() else path.unlink()


def renamed(world: World, random: Random) -> Undo:
    """A file of a package gets a name that is never content."""
    path = world.package(f"folder/{random.choice(FILES[1:])}")
    other = path.with_name(f"{path.name}~")
    path.rename(other)

    def undo() -> None:
        other.rename(path)

    return undo


def variable(world: World, random: Random) -> Undo:
    before = world.variables
    world.variables = random.choice([{"TOKEN": f"{random.random()}"}, {}, {"TOKEN": ""}])

    def undo() -> None:
        world.variables = before

    return undo


def options(world: World, random: Random) -> Undo:
    before = world.options
    allowances = Allowances(
        prune=random.random() < 0.5, overwrite=random.random() < 0.5, take_over=random.choice([None, frozenset(["x"])])
    )
    world.options = random.choice(
        [
            replace(before, only=frozenset([random.choice(["folder", "zipped", "flow"])])),
            replace(before, locked=True),
            replace(before, allowances=allowances),
        ]
    )

    def undo() -> None:
        world.options = before

    return undo


def other_file(world: World, random: Random) -> Undo:
    """The same text under another name, or the same name in another place."""
    before, name = world.options, f"llamagate{random.randrange(9)}.yaml"
    copy = world.project / name
    shutil.copy2(before.file, copy)
    world.options = Options(file=copy)

    def undo() -> None:
        world.options = before
        copy.unlink()

    return undo


def other_lock(world: World, random: Random) -> Undo:
    """The same lock in another place."""
    world.lock_file = world.project / f"{random.randrange(9)}.lock.yaml"
    shutil.copy2(world.project / "llamagate.lock.yaml", world.lock_file)

    def undo() -> None:
        world.lock_file = None

    return undo


def journal(world: World, random: Random) -> Undo:
    path = random.choice([world.home.journal, world.home.journal_undo])
    path.write_bytes(random.randbytes(20))
    return path.unlink


def installed(*paths: str) -> Callable[[World, Random], Path]:
    return lambda world, random: world.installed(f"{random.choice(['folder', 'zipped'])}/{random.choice(paths)}")


def source(*paths: str) -> Callable[[World, Random], Path]:
    return lambda world, random: world.package(random.choice(paths))


def cached(world: World, random: Random) -> Path:
    folder = next(item for key, item in world.record.items.items() if key.id == "folder")
    return world.home.cached(folder.tree)


PACKED: Final = source("zipped.zip")
FOLDER: Final = source(*(f"folder/{path}" for path in FILES))
TREES: Final = source("folder", "flow", "folder/templates", "folder/templates/deep")
FILE: Final = installed(*FILES)


def place(name: str) -> Callable[[World, Random], Path]:
    return lambda world, _: getattr(world.home, name)


def piece(world: World, random: Random) -> Path:
    """A part of the record."""
    return random.choice(sorted(world.home.pieces.iterdir()))


DESIRED: Final = source("../llamagate.yaml")
LOCK: Final = source("../llamagate.lock.yaml")
SECRET: Final = source("../secret.txt")

CHANGES: Final[Mapping[str, Change]] = {
    "desired: a byte": a_byte(DESIRED),
    "desired: gone": gone(DESIRED),
    "desired: other file": other_file,
    "lock: a byte": a_byte(LOCK),
    "lock: gone": gone(LOCK),
    "lock: elsewhere": other_lock,
    "record: a byte": a_byte(place("record")),
    "record: gone": gone(place("record")),
    "piece: a byte": a_byte(piece),
    "piece: gone": gone(piece),
    **{f"record: {name}": of_record(name) for name in RECORD},
    **{f"item: {name}": of_item(name) for name in ITEM},
    "registry: a byte": a_byte(place("registry")),
    "registry: gone": gone(place("registry")),
    "secret: a byte": a_byte(SECRET),
    "secret: gone": gone(SECRET),
    "variable": variable,
    "options": options,
    "journal": journal,
    "installed: a byte": a_byte(FILE),
    "installed: touched": touched(FILE),
    "installed: gone": gone(FILE),
    "installed: copied": copied(FILE),
    "installed: mode": other_mode(FILE),
    "installed: link": a_link(FILE),
    "installed: folder a link": a_link(installed("templates", "templates/deep", "")),
    "installed: folder gone": gone(installed("templates", "templates/deep")),
    "installed: folder mode": other_mode(installed("templates", "templates/deep", "")),
    "installed: new item": new(lambda world, random: world.installed(f"x{random.randrange(99)}.folder")),
    "source: a byte": a_byte(FOLDER),
    "source: touched": touched(FOLDER),
    "source: gone": gone(FOLDER),
    "source: mode": other_mode(FOLDER),
    "source: new": new(source("folder/new.txt", "folder/templates/new.txt", "flow/new.txt")),
    "source: ignored name": renamed,
    "source: ignore file": new(source("folder/.llamagateignore", "flow/.llamagateignore")),
    "source: folder gone": gone(TREES),
    "archive: a byte": a_byte(PACKED),
    "archive: touched": touched(PACKED),
    "archive: gone": gone(PACKED),
    "archive: copied": copied(PACKED),
    "cache: a byte": a_byte(cached),
    "cache: gone": gone(cached),
    "kept: a byte": a_byte(place("unchanged")),
}


@contextmanager
def changed(world: World, kind: str, random: Random) -> Iterator[None]:
    """While one change of this kind is made."""
    undo = CHANGES[kind](world, random)
    try:
        yield
    finally:
        undo()


def wrong(world: World, kinds: Mapping[str, int], random: Random) -> list[str]:
    """The kinds of change after which a reader is told that nothing changed. Each is tried so many times."""
    found = []
    for kind, times in kinds.items():
        for _ in range(times):
            with changed(world, kind, random):
                if world.answer() is not None:
                    found.append(kind)
            world.settle()
    return found
