"""Do the tests notice? Each step out of order and each missing sync is tried, and something must complain.

A missing sync cannot be seen by killing a process. For those the power is cut: on a model of a disk that loses what was
not synced, none of it, one operation or two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from tests.crash.figures import FIGURES
from tests.crash.mutants import ORDER, SYNCS
from tests.crash.power import Tape
from tests.crash.sweeps import Sweep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

SAMPLED: Final = 12
SAMPLED_OF_GOOD: Final = 1
"""Where nothing is wrong all of the sample is tried, and not just what comes up to the first fault."""
NOTICED: Final = "seeded mistakes of ours that were noticed"
SOON_NOTICED: Final = (
    *("record_before_the_journal", "journal_after_the_first_move", "backups_dropped_before_the_commit"),
    *("staging_discarded_before_the_moves", "registry_left_alone_by_recovery", "leftovers_left_by_recovery"),
    *("pieces_after_the_commit", "generation_after_the_commit"),
)
SOON_MISSED: Final = (
    *("staged trees", "cache", "folders"),
    *("bytes of journal", "name of journal", "bytes of llamagate.lock.yaml", "name of llamagate.lock.yaml"),
)
"""Those that a few deaths or power cuts show; every other one is tried each time."""
UNSTAGED: Final = "pieces and generation"
"""Where trees are staged, the sync of these is one of the whole file system, and hides that this one is missing."""
_UNTIDY: Final = "is cached for nothing"
"""A package that nothing names, left after a power cut, is dropped with the next generation."""


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    with Sweep.of() as sweep:
        yield sweep


@pytest.fixture(scope="module")
def unstaged() -> Iterator[Sweep]:
    """A change that stages no tree."""
    with Sweep.of(change="enable and disable") as sweep:
        yield sweep


@pytest.mark.parametrize("mutant", SOON_NOTICED[::2])
def test_wrong_order_is_noticed(sweep: Sweep, mutant: str) -> None:
    assert_wrong_order_is_noticed(sweep, mutant)


@pytest.mark.long
@pytest.mark.parametrize("mutant", [mutant.__name__ for mutant in ORDER])
def test_every_wrong_order_is_noticed(sweep: Sweep, mutant: str) -> None:
    assert_wrong_order_is_noticed(sweep, mutant)


@pytest.mark.parametrize("mutant", SOON_MISSED[::2])
def test_missing_sync_is_noticed(sweep: Sweep, mutant: str) -> None:
    assert_missing_sync_is_noticed(sweep, mutant)


@pytest.mark.long
@pytest.mark.parametrize("mutant", sorted({*SYNCS} - {UNSTAGED}))
def test_every_missing_sync_is_noticed(sweep: Sweep, mutant: str) -> None:
    assert_missing_sync_is_noticed(sweep, mutant)


def test_missing_sync_where_nothing_is_staged_is_noticed(unstaged: Sweep) -> None:
    assert_missing_sync_is_noticed(unstaged, UNSTAGED)


def assert_wrong_order_is_noticed(sweep: Sweep, mutant: str) -> None:
    damaged = replace(sweep.mutated(mutant), world=sweep.world)  # what is right stays what it was
    points = sorted(damaged.points, key=lambda at: abs(at - damaged.commit))
    assert any(damaged.verdict(at, verb) for at in points for verb in ("recover", "apply"))
    FIGURES[NOTICED] += 1


def assert_missing_sync_is_noticed(sweep: Sweep, mutant: str) -> None:
    damaged = sweep.mutated(mutant)
    assert any(power_cuts(damaged, at_most=SAMPLED, since=damaged.commit))
    FIGURES[NOTICED] += 1


def test_power_cut(sweep: Sweep, unstaged: Sweep) -> None:
    assert list(power_cuts(sweep, at_most=SAMPLED_OF_GOOD)) == []
    assert list(power_cuts(unstaged, at_most=SAMPLED_OF_GOOD)) == []


@pytest.mark.long
def test_power_cut_at_every_sync(sweep: Sweep, unstaged: Sweep) -> None:
    assert list(power_cuts(sweep, at_most=2_000)) == []
    assert list(power_cuts(unstaged, at_most=2_000)) == []


@pytest.mark.parametrize("at_most", [SAMPLED_OF_GOOD, pytest.param(2_000, marks=pytest.mark.long)])
def test_power_cut_after_a_program_wrote_meanwhile(sweep: Sweep, at_most: int) -> None:
    late = sweep.mutated("a_program_writes_meanwhile")
    assert list(power_cuts(late, at_most=at_most, since=late.commit + 1)) == []


@pytest.mark.long
def test_what_a_program_wrote_meanwhile_must_be_synced(sweep: Sweep) -> None:
    late = sweep.mutated("carried_files_not_synced")
    assert any(power_cuts(late, at_most=SAMPLED, since=late.commit + 1))
    FIGURES[NOTICED] += 1


def power_cuts(sweep: Sweep, *, at_most: int, since: int = 0) -> Iterator[str]:
    """What is wrong after power cuts before each sync and at the end, with up to ``at_most`` choices of losses each."""
    world = sweep.world
    world.reset()
    tape = Tape(world.base, sweep.calls)
    for cut in tape.cuts(at_most, end=sweep.end, since=since):
        is_committed = tape.write(cut.disk) or cut.moment >= sweep.end
        ended = sweep.settle("recover")
        faults = world.faults(world.after if is_committed else world.before)
        faults = [fault for fault in faults if _UNTIDY not in fault]
        if ended.code:
            faults.append(f"exit {ended.code}: {ended.err}")
        yield from (f"{cut.words}: {fault}" for fault in faults)
