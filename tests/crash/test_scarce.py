"""A disk that is really full, or out of inodes, or read-only, and a user who may not: nothing is changed, in words.

The project and its home lie on one small disk. What is left on it grows from nothing until the change fits.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from reconciler.errors import ExitCode
from tests.cli.shell import Result, Session, stamps
from tests.crash.scenes import CHANGES, Scene, command, make
from tests.crash.sweeps import folder
from tests.fs.hostile import mounted, ordinary_user, python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts are those of Linux")

SAMPLED: Final = {"first run": 2, "remove": 1}
"""Change → by how much the room grows each time; the campaign tries every change with every room."""


@contextmanager
def filled(disk: Path, kind: str, room: int) -> Iterator[None]:
    """A disk on which only so many pages (``size``) or inodes are left."""
    filler = disk / "filler"
    filler.mkdir()
    left = os.statvfs(disk)
    if kind == "size":
        (filler / "it").write_bytes(bytes(max(0, left.f_bavail - room) * left.f_frsize))
    else:
        for number in range(left.f_favail - room):
            (filler / str(number)).touch()
    try:
        yield
    finally:
        shutil.rmtree(filler)


class Small:
    """A small disk with a session on it, and a change to make there."""

    def __init__(self, session: Session, disk: Path, kept: Path) -> None:
        self.session, self.disk, self.kept = session, disk, kept

    def scene(self, name: str) -> Scene:
        base = self.disk / name.replace(" ", "-")
        base.mkdir()
        return make(name, base, self.kept / name, self.session.llamagate)

    def run(self, scene: Scene) -> Result:
        return self.session.run(*command("apply", scene.base))

    def verdict(self, scene: Scene, kind: str, room: int) -> tuple[int, list[str]]:
        """The exit code of a change with so much room, and what is wrong with it or with the next one with more."""
        scene.reset()
        with filled(self.disk, kind, room):
            ended = self.run(scene)
            faults = scene.faults(scene.before if ended.code else scene.after)
        if ended.code not in (ExitCode.OK, ExitCode.ERROR, ExitCode.ROLLED_BACK):
            faults.append(f"exit {ended.code}: {ended.err}")
        if ended.code and not (os.strerror(errno.ENOSPC) in ended.err and str(scene.base) in ended.err):
            faults.append(f"it names no path or no cause: {ended.err}")
        again = self.run(scene)
        faults += scene.faults(scene.after)
        if again.code:
            faults.append(f"with room again: exit {again.code}: {again.err}")
        return ended.code, [f"{room} left, exit {ended.code}: {fault}" for fault in faults]


@pytest.fixture
def small(session: Session, tmp_path: Path) -> Iterator[Small]:
    with mounted("tmpfs", "size=2m,nr_inodes=300", tmp_path / "disk") as disk:
        yield Small(session, disk, tmp_path / "kept")


@pytest.mark.parametrize("kind", ["size", "inodes"])
@pytest.mark.parametrize(
    ("name", "step"), [*SAMPLED.items(), *(pytest.param(n, 1, marks=pytest.mark.long) for n in CHANGES)]
)
def test_full_disk(small: Small, name: str, step: int, kind: str) -> None:
    scene = small.scene(name)
    codes: list[int] = []
    faults = []
    while codes[-2:] != [ExitCode.OK, ExitCode.OK]:
        code, wrong = small.verdict(scene, kind, room=step * len(codes))
        codes.append(code)
        faults += wrong
    assert faults == []
    assert {ExitCode.ERROR, ExitCode.ROLLED_BACK} < {*codes}


# A read-only home


@pytest.fixture
def read_only(session: Session) -> Iterator[Session]:
    """A home with an update to come, on a disk that is read-only."""
    with mounted("tmpfs", "size=2m", session.home):
        session.extensions("a")
        session.llamagate("apply")
        session.package("a", version="2.0.0")
        remount(session.home, "ro")
        yield session


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def test_read_only_home_is_left_alone_in_words(read_only: Session) -> None:
    before = stamps(read_only.home)
    for verb in ("apply", "recover"):
        said = read_only.llamagate(verb, exits=ExitCode.ERROR)
        lock = read_only.ours / "lock"
        assert said.err == f"llamagate: cannot open the lock {lock}: {os.strerror(errno.EROFS)}\n"
    assert stamps(read_only.home) == before


def test_read_only_home_is_looked_at(read_only: Session) -> None:
    assert read_only.actions() == ["update a"]
    assert read_only.llamagate("status", "--json").json["pending"] == 1
    assert len(read_only.llamagate("list", "--json").json["items"]) == 1


def test_home_that_is_writable_again(read_only: Session) -> None:
    read_only.llamagate("apply", exits=ExitCode.ERROR)
    remount(read_only.home, "rw")
    read_only.llamagate("apply")
    assert read_only.registered()["a"]["version"] == "2.0.0"


def test_read_only_home_that_is_empty(session: Session) -> None:
    with mounted("tmpfs", "size=64k,ro", session.home):
        session.extensions("a")
        said = session.llamagate("apply", exits=ExitCode.ERROR)
        assert said.err.startswith(f"llamagate: {session.ours}: {os.strerror(errno.EROFS)}; nothing was changed\n")


# An ordinary user, who may not

NO, READ_ONLY = 0, 0o555
FORBIDDEN: Final[dict[str, tuple[int, ExitCode]]] = {
    "home/reconciler/generations": (READ_ONLY, ExitCode.ERROR),
    "home/reconciler/record": (READ_ONLY, ExitCode.ERROR),
    "home/extensions/installed": (READ_ONLY, ExitCode.ROLLED_BACK),
    "home/reconciler": (READ_ONLY, ExitCode.ERROR),
    "llamagate.yaml": (NO, ExitCode.ERROR),
    "home/extensions/installed/one/prompts/1.0.0.txt": (NO, ExitCode.ERROR),
    "home": (READ_ONLY, ExitCode.ERROR),
    "home/extensions": (NO, ExitCode.ERROR),
    "home/extensions/installed/one": (READ_ONLY, ExitCode.ROLLED_BACK),
    "home/extensions/installed/one/var": (NO, ExitCode.ERROR),
    "home/extensions/installed/two": (NO, ExitCode.ERROR),
    "home/registry": (READ_ONLY, ExitCode.ROLLED_BACK),
    "home/registry/installed.json": (NO, ExitCode.ERROR),
    "home/reconciler/lock": (0o444, ExitCode.ERROR),
    "home/reconciler/record.json": (NO, ExitCode.ERROR),
    "home/reconciler/stage": (READ_ONLY, ExitCode.ERROR),
    "home/reconciler/cache": (READ_ONLY, ExitCode.ERROR),
    "home/reconciler/backups": (READ_ONLY, ExitCode.ROLLED_BACK),
    "llamagate.lock.yaml": (NO, ExitCode.ERROR),
    "packages/one": (NO, ExitCode.ERROR),
    "packages/one/manifest.yaml": (NO, ExitCode.ERROR),
    ".": (READ_ONLY, ExitCode.ERROR),
}
"""What of a project is forbidden, how, and how an apply ends then."""
USUAL: Final = 3


@pytest.fixture
def unprivileged(session: Session) -> Iterator[tuple[Scene, Callable[[], Result]]]:
    """A change, and what makes it as an ordinary user."""
    with folder() as root:
        base = root / "base"
        base.mkdir()
        scene = make("mixed", base, root / "kept", session.llamagate)
        for place in ("backups", "stage"):
            (base / "home" / "reconciler" / place).mkdir(exist_ok=True)
        user = ordinary_user(root)

        def apply() -> Result:
            code = python("from reconciler.cli.app import main; main()", *command("apply", base))
            done = subprocess.run([*user, *code], cwd=base, env=session.environment, capture_output=True, text=True)
            return Result(code=done.returncode, out=done.stdout, err=done.stderr)

        yield scene, apply


@pytest.mark.parametrize(
    "place",
    [*list(FORBIDDEN)[:USUAL], *(pytest.param(place, marks=pytest.mark.long) for place in list(FORBIDDEN)[USUAL:])],
)
def test_forbidden(unprivileged: tuple[Scene, Callable[[], Result]], place: str) -> None:
    scene, apply = unprivileged
    mode, code = FORBIDDEN[place]
    usual = (scene.base / place).stat().st_mode
    (scene.base / place).chmod(mode)
    said = apply()
    (scene.base / place).chmod(usual)
    assert scene.faults(scene.before) == []
    assert said.code == code, said.err
    assert os.strerror(errno.EACCES) in said.err
    assert str(scene.base / place) in said.err or "./packages/one" in said.err
    assert apply().code == ExitCode.OK
    assert scene.faults(scene.after) == []
