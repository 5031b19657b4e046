"""Death at every call to the file system: one more command, and the home is as before or as after, with nothing left.

A death before a call that only looks leaves what a death before the next one that changes leaves, so those are no
points. What is lost with the power, and not with the process, is another matter: see ``test_teeth``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from tests.crash.changes import CHANGES, THOROUGH
from tests.crash.sweeps import Sweep, verb_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

SAMPLED_DEATHS: Final = 2
SAMPLED_PAIRS: Final = 1
MANY_PAIRS: Final = 24
PARTS: Final = 4


@pytest.fixture(scope="module", params=CHANGES)
def sweep(request: pytest.FixtureRequest) -> Iterator[Sweep]:
    with Sweep.of(change=request.param) as sweep:
        yield sweep


@pytest.fixture(scope="module", params=THOROUGH)
def thorough(request: pytest.FixtureRequest) -> Iterator[Sweep]:
    with Sweep.of(change=request.param) as sweep:
        yield sweep


def test_death_at_a_call(sweep: Sweep) -> None:
    points = chance(sweep).sample(sweep.points, min(SAMPLED_DEATHS, len(sweep.points)))
    assert [fault for at in points for fault in sweep.verdict(at, verb_for(at))] == []


@pytest.mark.long
@pytest.mark.parametrize("verb", ["recover", "apply"])
def test_death_at_every_call(sweep: Sweep, verb: str) -> None:
    assert [fault for at in sweep.points for fault in sweep.verdict(at, verb)] == []


@pytest.mark.parametrize("pairs", [SAMPLED_PAIRS, pytest.param(MANY_PAIRS, marks=pytest.mark.long)])
def test_death_during_recovery(sweep: Sweep, pairs: int) -> None:
    faults = []
    for at in chance(sweep).choices(sweep.points[sweep.commit // 2 :], k=pairs):
        again = chance(sweep).choice(sweep.points_of_recovery(at))
        faults += sweep.verdict_on_pair(at, again, verb_for(again))
    assert faults == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_death_at_every_call_of_every_recovery(thorough: Sweep, part: int) -> None:
    pairs = [(at, again) for at in thorough.points[part::PARTS] for again in thorough.points_of_recovery(at)]
    assert [fault for at, again in pairs for fault in thorough.verdict_on_pair(at, again, verb_for(again))] == []


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.long)])
def test_death_after_a_program_wrote_meanwhile(step: int) -> None:
    with Sweep.of() as mixed:
        late = mixed.mutated("a_program_writes_meanwhile")
        points = [at for at in late.points[late.commit :] if at % step == 0]
        assert [fault for at in points for fault in late.verdict(at, verb_for(at))] == []
        assert late.world.after.files["extensions/updated/var/late.txt"].startswith("644 ")


def chance(sweep: Sweep) -> random.Random:
    """Makes the same choices each time."""
    return random.Random(len(sweep.calls))  # noqa: S311 - no secret
