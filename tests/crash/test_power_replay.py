"""Power cuts on a model of a disk, harsher than real ones: up to two operations that were not synced are lost alone.

Each change of ``tests.crash.scenes`` is replayed as its calls came; see ``tests.crash.power`` for what the model is.
"""

from __future__ import annotations

import errno
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import pytest

from reconciler.errors import ExitCode
from tests.crash.forks import NO_FAULT, Ended, Forks
from tests.crash.power import Disk, Tape
from tests.crash.scenes import CHANGES, Scene, State, command, make, state
from tests.crash.shim import Call, Fault
from tests.crash.sweeps import folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

SAMPLED: Final = 1
SAMPLED_POINTS: Final = 1
SAMPLED_SYNCS: Final = 2
MANY: Final = 3
FEW: Final = [name if name in ("mixed", "remove") else pytest.param(name, marks=pytest.mark.long) for name in CHANGES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A change and its calls."""

    forks: Forks
    scene: Scene
    calls: tuple[Call, ...]
    fault: Fault = NO_FAULT
    """What is wrong with the file system itself, in every command."""

    def faults(self, at_most: int, one_of: int = 1) -> Iterator[str]:
        """What is wrong after power cuts before each sync and at the end, with up to ``at_most`` choices of losses.

        ``one_of``: only before one of so many syncs.
        """
        self.scene.reset()
        yield from self._cuts(self._run("apply").calls, at_most, one_of=one_of)

    def faults_after_death(self, at: int, at_most: int) -> Iterator[str]:
        """The same where the process dies at the call ``at`` and a recovery goes on from there, which ends well."""
        self.scene.reset()
        died = self._run("apply", replace(self.fault, at=at))
        assert died.was_killed, died
        recovery = self._run("recover")
        assert recovery.is_well, recovery.err
        yield from self._cuts(died.calls[: at - 1] + recovery.calls, at_most, since=at)

    def faults_after_failure(self, at: int, at_most: int) -> Iterator[str]:
        """The same where the call ``at`` fails; nothing where the change is not undone for that."""
        self.scene.reset()
        failed = self._run("apply", replace(self.fault, at=at, error=errno.EIO))
        if failed.code == ExitCode.ROLLED_BACK:
            yield from self._cuts(failed.calls[: at - 1] + failed.calls[at:], at_most, since=at)

    @property
    def points(self) -> range:
        """The calls from the commit to the end."""
        return range(_number(self.calls, "replace", "/journal") + 1, _number(self.calls, "unlink", "/journal") + 1)

    def _cuts(self, calls: tuple[Call, ...], at_most: int, since: int = 0, one_of: int = 1) -> Iterator[str]:
        ended = state(self.scene.base)
        self.scene.reset()
        tape = Tape(self.scene.base, calls)
        end = _number(calls, "unlink", ("/journal", "/journal.undo"))
        for cut in tape.cuts(at_most, end=end, since=since, one_of=one_of):
            faults = self._verdict(tape, cut.disk, ended if cut.moment >= end else None)
            yield from (f"{cut.words}: {fault}" for fault in faults)

    def _verdict(self, tape: Tape, disk: Disk, ended: State | None) -> list[str]:
        is_committed = tape.write(disk)
        is_undone = any(self.scene.base.glob("home/reconciler/journal.undo"))
        recovered = self._run("recover")
        wanted = self.scene.after if is_committed and not is_undone else self.scene.before
        faults = self.scene.faults(wanted if ended is None else self._same(ended))
        return faults if recovered.is_well else [*faults, f"exit {recovered.code}: {recovered.err}"]

    def _same(self, ended: State) -> State:
        """Before or after, which ``ended`` is."""
        return self.scene.before if not self.scene.departures(ended, self.scene.before) else self.scene.after

    def _run(self, verb: str, fault: Fault | None = None) -> Ended:
        return self.forks.run(*command(verb, self.scene.base), fault=fault or self.fault)


def _number(calls: tuple[Call, ...], name: str, endings: str | tuple[str, ...]) -> int:
    """The number of the call ``name`` for a path with such an ending."""
    return next(at for at, call in enumerate(calls, 1) if call.name == name and call.paths[-1].endswith(endings))


USUAL: Final = pytest.param(NO_FAULT, id="usual")
FUSE: Final = Fault(fuse=True)


@contextmanager
def replayed(fault: Fault, names: Iterable[str]) -> Iterator[Mapping[str, Replay]]:
    with folder() as root:
        forks = Forks(root)
        found = {}
        for name in names:
            base = root / "bases" / name
            base.mkdir(parents=True)
            scene = make(name, base, root / "kept" / name, forks.warm)
            calls = forks.run(*command("apply", base), fault=fault).calls
            found[name] = Replay(forks=forks, scene=scene, calls=calls, fault=fault)
        yield found


@pytest.fixture(scope="module", params=[USUAL, pytest.param(FUSE, id="fuse", marks=pytest.mark.long)])
def replays(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Replay]]:
    with replayed(request.param, CHANGES) as found:
        yield found


@pytest.mark.parametrize("name", ["update", pytest.param("remove", marks=pytest.mark.long)])
def test_power_cut_on_fuse(name: str) -> None:
    with replayed(FUSE, [name]) as found:
        assert list(found[name].faults(SAMPLED, SAMPLED_SYNCS)) == []


@pytest.mark.parametrize("name", CHANGES)
def test_power_cut(replays: Mapping[str, Replay], name: str) -> None:
    assert list(replays[name].faults(SAMPLED, SAMPLED_SYNCS)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_power_cut_with_every_loss(replays: Mapping[str, Replay], name: str) -> None:
    assert list(replays[name].faults(sys.maxsize)) == []


@pytest.mark.parametrize("name", FEW)
def test_power_cut_after_a_recovery(replays: Mapping[str, Replay], name: str) -> None:
    points = random.Random(name).sample(replays[name].points, SAMPLED_POINTS)  # noqa: S311 - the same one each time
    assert [fault for at in points for fault in replays[name].faults_after_death(at, SAMPLED)] == []


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_power_cut_after_every_recovery(replays: Mapping[str, Replay], name: str) -> None:
    replay = replays[name]
    assert [fault for at in replay.points for fault in replay.faults_after_death(at, MANY)] == []


@pytest.mark.parametrize("name", FEW)
def test_power_cut_after_a_change_was_undone(replays: Mapping[str, Replay], name: str) -> None:
    points = random.Random(name).sample(replays[name].points, SAMPLED_POINTS)  # noqa: S311 - the same one each time
    assert [fault for at in points for fault in replays[name].faults_after_failure(at, SAMPLED)] == []


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_power_cut_after_every_undone_change(replays: Mapping[str, Replay], name: str) -> None:
    replay = replays[name]
    assert [fault for at in replay.points for fault in replay.faults_after_failure(at, MANY)] == []
