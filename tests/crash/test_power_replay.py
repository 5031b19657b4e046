"""Power cuts on a model of a disk, harsher than real ones: up to two operations that were not synced are lost alone.

Each change of ``tests.crash.changes`` is replayed as its calls came; see ``tests.crash.power`` for what the model is.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from tests.crash.changes import CHANGES, Scene, command, make
from tests.crash.forks import Forks
from tests.crash.power import Tape
from tests.crash.shim import Call
from tests.crash.sweeps import folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

SAMPLED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A change and its calls."""

    forks: Forks
    scene: Scene
    calls: tuple[Call, ...]

    def faults(self, at_most: int) -> Iterator[str]:
        """What is wrong after power cuts before each sync and at the end, with up to ``at_most`` choices of losses."""
        self.scene.reset()
        tape = Tape(self.scene.base, self.calls)
        for moment in tape.moments:
            losses = list(tape.losses(moment))
            chance = random.Random(moment)  # noqa: S311 - the same sample each time
            for lost in losses if len(losses) <= at_most else chance.sample(losses, at_most):
                said = f"cut after {moment}, {self.calls[moment - 1]}, {tape.named(lost)} lost"
                yield from (f"{said}: {fault}" for fault in self._verdict(tape, moment, lost))

    def _verdict(self, tape: Tape, moment: int, lost: tuple[int, ...]) -> list[str]:
        is_committed = tape.cut(moment, lost) or moment >= self._end
        ended = self.forks.run(*command("recover", self.scene.base))
        faults = self.scene.faults(self.scene.after if is_committed else self.scene.before)
        return faults if ended.code == 0 else [*faults, f"exit {ended.code}: {ended.err}"]

    @property
    def _end(self) -> int:
        calls = enumerate(self.calls, 1)
        return next(at for at, call in calls if call.is_about("unlink", "/reconciler/journal"))


@pytest.fixture(scope="module")
def replays() -> Iterator[Mapping[str, Replay]]:
    with ExitStack() as stack:
        root = stack.enter_context(folder())
        forks = stack.enter_context(Forks(root))
        found = {}
        for name in CHANGES:
            base = root / "bases" / name
            base.mkdir(parents=True)
            scene = make(name, base, root / "kept" / name, forks.warm)
            found[name] = Replay(forks=forks, scene=scene, calls=forks.run(*command("apply", base)).calls)
        yield found


@pytest.mark.parametrize("name", CHANGES)
def test_power_cut(replays: Mapping[str, Replay], name: str) -> None:
    assert list(replays[name].faults(SAMPLED)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_power_cut_with_every_loss(replays: Mapping[str, Replay], name: str) -> None:
    assert list(replays[name].faults(sys.maxsize)) == []
