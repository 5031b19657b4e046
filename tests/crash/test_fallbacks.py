"""The same deaths and errors where the system refuses the short way: no exchange, no rename, two file systems.

In half of the points the next command suffers from the same, in the other half it does not.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import pytest

from reconciler.errors import ExitCode
from tests.crash import worlds
from tests.crash.changes import MIXED
from tests.crash.forks import NO_FAULT, Forks
from tests.crash.shim import Fault
from tests.crash.sweeps import Sweep, folder, verb_for
from tests.crash.test_errors import all_faults, undone_change, verdict
from tests.fs.hostile import mounted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

SAMPLED_DEATHS: Final = 2
SAMPLED_PAIRS: Final = 2
SAMPLED_ERRORS: Final = 3
SAMPLED_FOLDERS: Final = 3
ONE_OF: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the short way is refused. ``one_of``: of so many pairs one is tried; copying file by file has so many."""

    fault: Fault = NO_FAULT
    layered: bool = False
    elsewhere: bool = False
    one_of: int

    def sweep(self, change: str, *, reads: bool = False) -> AbstractContextManager[Sweep]:
        fault = replace(self.fault, reads=reads)
        return Sweep.of(fault, change=change, layered=self.layered, elsewhere=self.elsewhere)


WAYS: Final = {
    "no exchange": Way(fault=Fault(exchange=errno.EINVAL), one_of=1),
    "below an overlay": Way(fault=Fault(exchange=errno.EXDEV), layered=True, one_of=16),
    "on another file system": Way(elsewhere=True, one_of=16),
}
EVERY: Final = (MIXED, "update", "remove", "repair")


@pytest.fixture(scope="module", params=list(WAYS.values()), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    way: Way = request.param
    return way


@pytest.fixture(scope="module")
def sweep(way: Way) -> Iterator[Sweep]:
    with way.sweep(MIXED) as sweep:
        yield sweep


@pytest.fixture(scope="module", params=EVERY)
def every(way: Way, request: pytest.FixtureRequest) -> Iterator[Sweep]:
    with way.sweep(request.param) as sweep:
        yield sweep


@pytest.fixture(scope="module")
def reading(way: Way) -> Iterator[Sweep]:
    """Here calls that only look are points too."""
    with way.sweep(MIXED, reads=True) as sweep:
        yield sweep


def test_the_long_way_was_taken(sweep: Sweep) -> None:
    exchanged = [call for call in sweep.calls if call.name == "exchange"]
    beside = [call for call in sweep.calls if "/.llamagate-stage/" in call.paths[0]]
    assert bool(exchanged) == (sweep.fault.exchange == 0)
    assert bool(beside) == (sweep.world.elsewhere is not None)


def test_death_at_a_call(sweep: Sweep) -> None:
    chance = random.Random(1)  # noqa: S311 - the same sample each time
    points = chance.sample(sweep.points[sweep.commit - 20 :], SAMPLED_DEATHS)
    assert [fault for at in points for fault in sweep.verdict(at, verb_for(at))] == []


def test_death_during_recovery(sweep: Sweep) -> None:
    chance = random.Random(2)  # noqa: S311 - the same sample each time
    faults = []
    for at in chance.sample(sweep.points[sweep.commit :], SAMPLED_PAIRS):
        again = chance.choice(sweep.points_of_recovery(at))
        faults += sweep.verdict_on_pair(at, again, verb_for(again))
    assert faults == []


def test_death_while_a_failed_change_is_undone(sweep: Sweep) -> None:
    failed, points = undone_change(sweep, random.Random(3))  # noqa: S311 - the same one each time
    assert [fault for at in points for fault in sweep.verdict_on_undoing(failed, at)] == []


def test_error_at_a_call(reading: Sweep) -> None:
    sample = random.Random(4).sample(all_faults(reading), SAMPLED_ERRORS)  # noqa: S311 - the same one each time
    assert [text for fault in sample for text in verdict(reading, fault)] == []


@pytest.mark.parametrize("count", [SAMPLED_FOLDERS, pytest.param(sys.maxsize, marks=pytest.mark.long)])
def test_folder_that_cannot_be_listed_is_named(reading: Sweep, count: int) -> None:
    calls = enumerate(reading.calls, 1)
    points = [at for at, call in calls if call.name == "scandir" and at > reading.commit]
    chosen = random.Random(5).sample(points, min(count, len(points)))  # noqa: S311 - the same sample each time
    faults = [Fault(at=at, error=errno.EIO, reads=True) for at in chosen]
    assert [text for fault in faults for text in verdict(reading, fault)] == []


@pytest.mark.long
def test_death_at_every_call(every: Sweep) -> None:
    assert [fault for at in every.points for verb in ("recover", "apply") for fault in every.verdict(at, verb)] == []


@pytest.mark.long
def test_death_at_the_calls_of_every_recovery(every: Sweep, way: Way) -> None:
    pairs = [(at, again) for at in every.points[every.commit :] for again in every.points_of_recovery(at)]
    chosen = pairs[:: way.one_of]
    assert [text for at, again in chosen for text in every.verdict_on_pair(at, again, verb_for(again))] == []


@pytest.mark.long
def test_death_at_many_calls_of_every_undoing(sweep: Sweep) -> None:
    pairs = [(failed, at) for failed in sweep.points[sweep.commit :] for at in sweep.points_of_undoing(failed)]
    assert [text for failed, at in pairs[::ONE_OF] for text in sweep.verdict_on_undoing(failed, at)] == []


@pytest.mark.long
def test_every_error_at_many_calls(reading: Sweep) -> None:
    assert [text for fault in all_faults(reading)[::ONE_OF] for text in verdict(reading, fault)] == []


def test_installed_that_is_a_mount_point_itself() -> None:
    """No folder beside it lies on its file system, so that nothing could be renamed into it."""
    with folder() as root:
        forks = Forks(root)
        world = worlds.build(root, forks)
        world.reset()
        installed = world.home / "extensions" / "installed"
        with mounted("tmpfs", "size=8m", installed):
            shutil.copytree(world.kept.joinpath(*installed.parts[-3:]), installed, symlinks=True, dirs_exist_ok=True)
            ended = forks.run(*world.apply)
            assert world.faults(world.before) == []
            assert ended.code == ExitCode.ERROR
            assert str(installed) in ended.err
            assert os.strerror(errno.EXDEV) not in ended.err
