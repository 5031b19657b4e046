"""File systems whose times are whole seconds: what changed in the same one is seen all the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reconciler.fs import tree
from reconciler.fs.tree import Stamp
from reconciler.loop import fingerprint
from reconciler.loop.fingerprint import Lookout
from reconciler.model.ids import ItemKey, Kind
from reconciler.packages import stamps
from reconciler.reconcile.input_digest import Inputs
from tests.settled.upstream import Upstream
from tests.settled.world import World
from tests.support.packages import pack

TICK = 2 * 10**9


class Ticks:
    """Every file of the world was changed in the tick that began at ``start``; it is ``now``."""

    def __init__(self) -> None:
        self.start = self.now = time.time_ns() // TICK * TICK

    def stamp_of(self, status: os.stat_result) -> Stamp:
        return Stamp(status.st_size, self.start, self.start, status.st_ino)


@pytest.fixture
def world(tmp_path: Path, upstream: Upstream) -> World:
    return World(tmp_path, upstream)


@pytest.fixture
def ticks(world: World, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    found = Ticks()
    monkeypatch.setattr(stamps, "stamp_of", found.stamp_of)
    monkeypatch.setattr(tree, "time_ns", lambda: found.now)
    return found


def edit(world: World, name: str, text: str) -> None:
    """In place: size and inode stay."""
    folder = world.project / "packages" / name
    (folder / "templates/a.txt").write_text(text)
    if folder.with_suffix(".zip").exists():
        pack(folder, folder.with_suffix(".zip"))


@pytest.mark.parametrize("name", ["a", "c"], ids=["folder", "zip"])
def test_a_second_edit_within_one_tick_is_installed(world: World, ticks: Ticks, name: str) -> None:
    installed = world.installed(f"{name}/templates/a.txt")
    for text in "xyz":
        edit(world, name, text)
        world.apply()
        assert installed.read_text() == text


def test_once_the_tick_is_over_nothing_is_read_again(world: World, ticks: Ticks) -> None:
    key = ItemKey(Kind.EXTENSION, "a")
    edit(world, "a", "x")
    world.apply()
    assert world.record.items[key].source_stamp == ""
    ticks.now += TICK
    world.apply()
    assert world.record.items[key].source_stamp != ""
    assert not world.differs()
    assert key in world.settled


def test_a_watcher_sees_the_second_edit(world: World, ticks: Ticks) -> None:
    inputs, seen = Inputs(), set()
    for text in "xyz":
        edit(world, "a", text)
        seen.add(inputs.digest(world.options.file))
    assert len(seen) == 3


def test_a_watcher_sees_the_second_edit_of_an_installed_file(
    world: World, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "stamp_of", ticks.stamp_of)
    lookout, seen = Lookout(world.options.file, world.home), set()
    for text in "xyz":
        world.installed("a/templates/a.txt").write_text(text)
        seen.add(lookout.look().home)
    assert len(seen) == 3


def test_an_installed_file_that_was_written_in_this_tick_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    stamp_of = tree.stamp_of
    monkeypatch.setattr(tree, "stamp_of", lambda status: stamp_of(status)._replace(ctime_ns=now // TICK * TICK))
    monkeypatch.setattr(tree, "time_ns", lambda: now)
    world.entries["a"]["config"] = {"interval": 6}
    world.save()
    world.apply()
    files = world.record.items[ItemKey(Kind.EXTENSION, "a")].files
    assert {file[1:] for file in files.values()} == {(0, 0, 0, 0)}
