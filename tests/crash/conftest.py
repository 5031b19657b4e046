"""One world for each file of tests: built once, reset for each point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.crash.forks import Ended, Forks
from tests.crash.shim import Call, Fault
from tests.crash.worlds import World, build


@dataclass(frozen=True, slots=True)
class Bench:
    """A world, and the calls that its change makes when nothing goes wrong."""

    world: World
    forks: Forks
    calls: tuple[Call, ...]

    @property
    def points(self) -> range:
        """The numbers of the calls."""
        return range(1, len(self.calls) + 1)

    def apply(self, fault: Fault) -> Ended:
        """The change with a fault, from the state before."""
        self.world.reset()
        return self.forks.run(*self.world.apply, fault=fault)

    def faults_after(self, *command: str) -> list[str]:
        """Run the next command without a fault; what is wrong then."""
        ended = self.forks.run(*command)
        world = self.world
        allowed = (world.after,) if command == world.apply else (world.before, world.after)
        return [f"exit {ended.code}: {ended.err}"] if ended.code else world.faults(*allowed)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("crash")
    with Forks(root) as forks:
        world = build(root, forks)
        world.reset()
        done = forks.run(*world.apply)
        assert (done.code, world.faults(world.after)) == (0, [])
        yield Bench(world, forks, done.calls)
