"""Errors of the system at every call of an apply: words, an exit code that is true, and never half a change."""

from __future__ import annotations

import errno
import os
import random
import sys
from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest

from reconciler.errors import ExitCode
from tests.crash.changes import CHANGES, THOROUGH
from tests.crash.figures import FIGURES
from tests.crash.forks import Ended
from tests.crash.shim import Fault
from tests.crash.sweeps import Sweep
from tests.crash.worlds import Portrait, World, leftovers, portrait

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

ERRORS: Final = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EROFS, errno.EMFILE)
EXPECTED: Final = (ExitCode.OK, ExitCode.ERROR, ExitCode.REFUSED, ExitCode.ROLLED_BACK, ExitCode.NEEDS_RECOVERY)
"""Refused: a plan says why, such as that the gateway's file cannot be read."""
SAMPLED: Final = 3
MANY: Final = 60
PARTS: Final = 4
UNDONE: Final = 2


@pytest.fixture(scope="module", params=CHANGES)
def sweep(request: pytest.FixtureRequest) -> Iterator[Sweep]:
    """Here calls that only look are points too."""
    with Sweep.of(Fault(reads=True), change=request.param) as sweep:
        yield sweep


@pytest.fixture(scope="module", params=THOROUGH)
def thorough(request: pytest.FixtureRequest) -> Iterator[Sweep]:
    """The same for fewer changes."""
    with Sweep.of(Fault(reads=True), change=request.param) as sweep:
        yield sweep


@pytest.fixture(scope="module", params=THOROUGH)
def undoing(request: pytest.FixtureRequest) -> Iterator[Sweep]:
    with Sweep.of(change=request.param) as sweep:
        yield sweep


def all_faults(sweep: Sweep) -> list[Fault]:
    """Each error at each call: once, and from there on for ever."""
    return [
        Fault(at=at, error=error, forever=forever, reads=True)
        for at, error, forever in product(sweep.points, ERRORS, (False, True))
    ]


def verdict(sweep: Sweep, fault: Fault) -> list[str]:
    """What is wrong with how the change met ``fault``, and, if it left anything, with the recovery after it."""
    world = sweep.world
    ended = sweep.change(at=fault.at, error=fault.error, forever=fault.forever)
    FIGURES["errors of the system"] += 1
    kept = _outcomes(world, ended)
    faults = _said(ended, os.strerror(fault.error), world)
    if world.faults(*kept):
        faults += [] if len(kept) > 1 else portrait(world.home).departures(kept[0])
        recovered = sweep.settle("recover")
        if recovered.code:
            faults.append(f"the recovery ended with {recovered.code}: {recovered.err}")
        faults += world.faults(*kept)
    often = "for ever" if fault.forever else "once"
    where = f"{errno.errorcode[fault.error]} {often} from {fault.at}, {sweep.calls[fault.at - 1]}"
    return [f"{where}, exit {ended.code}: {text}" for text in faults]


def _outcomes(world: World, ended: Ended) -> list[Portrait]:
    """What the home may be, by the exit code."""
    if ended.code == ExitCode.NEEDS_RECOVERY:
        return [world.before, world.after]
    return [world.after if ended.code == ExitCode.OK else world.before]


def _said(ended: Ended, cause: str, world: World) -> list[str]:
    """What is wrong with the exit code and the words."""
    if ended.signal or ended.code not in EXPECTED:
        return [f"signal {ended.signal}: {ended.err}"]
    words = ended.out if ended.code == ExitCode.REFUSED else ended.err
    if ended.code == ExitCode.OK:
        left = leftovers(world.base)
        return [f"nothing is said of it: {text}; but {ended.err}" for text in left if cause not in ended.err]
    is_placed = str(world.base.parent) in words or "./packages/" in words
    missing = [*([] if cause in words else ["cause"]), *([] if is_placed else ["path"])]
    return [f"it names no {what}: {words}" for what in missing]


@pytest.mark.parametrize("count", [SAMPLED, pytest.param(MANY, marks=pytest.mark.long)])
def test_error_at_a_call(sweep: Sweep, count: int) -> None:
    sample = random.Random(1).sample(all_faults(sweep), count)  # noqa: S311 - the same one each time
    assert [text for fault in sample for text in verdict(sweep, fault)] == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_every_error_at_every_call(thorough: Sweep, part: int) -> None:
    assert [text for fault in all_faults(thorough)[part::PARTS] for text in verdict(thorough, fault)] == []


def test_death_while_a_failed_change_is_undone(undoing: Sweep) -> None:
    failed, points = undone_change(undoing, random.Random(2))  # noqa: S311 - the same one each time
    assert [text for at in points for text in undoing.verdict_on_undoing(failed, at)] == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_death_at_every_call_of_every_undoing(undoing: Sweep, part: int) -> None:
    failures = undoing.points[undoing.commit :][part::PARTS]
    pairs = [(failed, at) for failed in failures for at in undoing.points_of_undoing(failed)]
    assert [text for failed, at in pairs for text in undoing.verdict_on_undoing(failed, at)] == []


def undone_change(sweep: Sweep, chance: random.Random) -> tuple[int, list[int]]:
    """A call at which a change can fail so that it is undone, and some points of that."""
    points = range(0)
    while not points:
        failed = chance.choice(sweep.points[sweep.commit :])
        points = sweep.points_of_undoing(failed)
    return failed, chance.sample(points, min(UNDONE, len(points)))
