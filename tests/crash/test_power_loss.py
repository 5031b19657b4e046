"""Real power cuts: ext4 and xfs lose what was not synced, the process dies with them, the disk is mounted again.

A success that was told outlasts a cut; a cut before the commit leaves the home as before, one after it as after.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from reconciler.errors import ExitCode
from tests.crash.cuts import FLUSHED, LOST, cut
from tests.crash.disks import Disk, disk
from tests.crash.forks import Ended, Forks
from tests.crash.scenes import CHANGES, Scene, State, command, make
from tests.crash.shim import Call, Fault
from tests.crash.sweeps import folder, verb_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")

MODES: Final = {"journal flushed": FLUSHED, "journal lost": LOST}
SAMPLED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A disk, a change on it and the calls of that change."""

    disk: Disk
    forks: Forks
    scene: Scene
    calls: tuple[Call, ...]

    @property
    def points(self) -> range:
        return range(1, len(self.calls) + 1)

    def start(self) -> None:
        """Back to before the change, durably."""
        self.scene.reset()
        self.disk.sync()

    def run(self, verb: str, *, at: int = 0, damage: str = "") -> Ended:
        return self.forks.run(*command(verb, self.scene.base), fault=Fault(at=at), mutant=damage)

    def verdict(self, at: int, mode: str) -> list[str]:
        """What is wrong after a power cut at the call ``at`` and one more command."""
        self.start()
        ended = self.run("apply", at=at, damage=mode)
        assert ended.was_killed, f"it did not die at {self.calls[at - 1]}: {ended}"
        self.disk.power_on()
        return self._settled(verb_for(at), self._expected(at), f"{mode}, at {at}, {self.calls[at - 1]}")

    def verdict_on_success(self, mode: str) -> list[str]:
        """What is wrong after a power cut just behind an apply that ended well."""
        self.start()
        ended = self.run("apply", damage="synced")
        assert ended.code == 0, ended.err
        cut(self.disk.root, MODES[mode])
        self.disk.power_on()
        return self.scene.faults(self.scene.after) + self._settled("recover", self.scene.after, f"{mode}, at the end")

    def verdict_on_survivor(self, at: int) -> list[str]:
        """What is wrong where the disk goes at the call ``at`` and the process lives on, then one more command."""
        self.start()
        ended = self.run("apply", at=at, damage="disk gone")
        said = f"the disk gone at {at}, {self.calls[at - 1]}"
        faults = [] if _is_told(ended) else [f"{said}: exit {ended.code}, signal {ended.signal}: {ended.err}"]
        self.disk.power_on()
        wanted = self.scene.after if ended.code == 0 else self._expected(at)
        return faults + self._settled("recover", wanted, said)

    def _settled(self, verb: str, wanted: State, said: str) -> list[str]:
        ended = self.run(verb)
        faults = self.scene.faults(self.scene.after if verb == "apply" else wanted)
        if not ended.is_well:
            faults.append(f"exit {ended.code}: {ended.err}")
        return [f"{said}, then {verb}: {fault}" for fault in faults]

    def _expected(self, at: int) -> State:
        """What a recovery must come to: once the journal is durable, it is after."""
        commit = self._call("replace", "/reconciler/journal")
        durable = next(number for number in self.points[commit:] if self.calls[number - 1].name == "fsync")
        journals = self.scene.base.glob("home/reconciler/journal*")
        is_committed = at > durable or (at > commit and any(journals))
        return self.scene.after if is_committed else self.scene.before

    def _call(self, name: str, ending: str) -> int:
        return next(at for at in self.points if self.calls[at - 1].is_about(name, ending))


def _is_told(ended: Ended) -> bool:
    """Whether an apply ended in words that fit: a lost disk can no longer be tidied up or undone."""
    codes = (ExitCode.OK, ExitCode.ERROR, ExitCode.NEEDS_RECOVERY)
    return not ended.signal and ended.code in codes and os.strerror(5) in ended.err


@pytest.fixture(scope="module", params=["ext4", "xfs"])
def rigs(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Rig]]:
    """All changes on one disk."""
    with ExitStack() as stack:
        root = stack.enter_context(folder())
        made = stack.enter_context(disk(request.param, root))
        forks = Forks(made.root)
        found = {}
        for name in CHANGES:
            base = made.root / name.replace(" ", "-")
            base.mkdir()
            scene = make(name, base, root / name, forks.warm)
            ended = forks.run(*command("apply", base))
            found[name] = Rig(disk=made, forks=forks, scene=scene, calls=ended.calls)
        yield found


@pytest.fixture(params=CHANGES)
def rig(request: pytest.FixtureRequest, rigs: Mapping[str, Rig]) -> Rig:
    return rigs[request.param]


def sample(rig: Rig, seed: int) -> list[int]:
    return random.Random(seed).sample(rig.points, SAMPLED)  # noqa: S311 - the same one each time


def test_power_cut(rig: Rig) -> None:
    modes = [*MODES]
    assert [fault for at in sample(rig, 1) for fault in rig.verdict(at, modes[at % 2])] == []


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_power_cut_at_every_call(rig: Rig, mode: str) -> None:
    assert [fault for at in rig.points for fault in rig.verdict(at, mode)] == []


@pytest.mark.parametrize("mode", MODES)
def test_success_outlasts_a_power_cut(rig: Rig, mode: str) -> None:
    assert rig.verdict_on_success(mode) == []


def test_disk_that_goes_under_a_living_process(rig: Rig) -> None:
    assert [fault for at in sample(rig, 2) for fault in rig.verdict_on_survivor(at)] == []


@pytest.mark.long
def test_disk_that_goes_at_every_call(rig: Rig) -> None:
    assert [fault for at in rig.points for fault in rig.verdict_on_survivor(at)] == []


def test_the_disk_forgets_what_was_not_synced(rigs: Mapping[str, Rig]) -> None:
    """Teeth: the shim alone only counts syncs, and then nothing of a success is left."""
    rig = rigs["mixed"]
    rig.start()
    assert rig.run("apply").code == 0
    cut(rig.disk.root, LOST)
    rig.disk.power_on()
    assert rig.scene.faults(rig.scene.before) == []
