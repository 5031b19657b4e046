"""Let a command die at a point, run the next command, and say what is wrong with what is left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.crash import worlds
from tests.crash.forks import NO_FAULT, Ended, Forks
from tests.crash.shim import Call, Fault
from tests.crash.worlds import Portrait, World
from tests.fs.hostile import mounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One change and all its points. ``layered``: the installed folders cannot be renamed, and so not exchanged."""

    forks: Forks
    world: World
    fault: Fault
    layered: bool
    calls: tuple[Call, ...]

    @classmethod
    @contextmanager
    def of(cls, fault: Fault = NO_FAULT, *, layered: bool = False, elsewhere: bool = False) -> Iterator[Self]:
        """Build a world and count the calls of its change under ``fault``.

        ``elsewhere``: the extensions lie on another file system, and the test is skipped where none can be mounted.
        """
        with ExitStack() as stack:
            root = stack.enter_context(_folder())
            other = stack.enter_context(mounted("tmpfs", "size=8m", root / "other")) if elsewhere else None
            forks = stack.enter_context(Forks(root))
            world = worlds.build(root, forks, elsewhere=other and other / "installed")
            sweep = cls(forks=forks, world=world, fault=fault, layered=layered, calls=())
            ended = sweep.change(fault)
            assert ended.code == 0, ended.err
            assert world.faults(world.after) == []
            yield replace(sweep, calls=ended.calls)

    @property
    def points(self) -> range:
        return range(1, len(self.calls) + 1)

    @property
    def commit(self) -> int:
        """The number of the call that commits: who dies before it leaves the home as it was before."""
        return next(at for at in self.points if is_commit(self.calls[at - 1]))

    def change(self, fault: Fault, *, mutant: str = "") -> Ended:
        """The command under test, in a world as it was before."""
        self.world.reset()
        return self.forks.run(*self.world.apply, fault=self._with_layers(fault), mutant=mutant)

    def die(self, at: int, *, mutant: str = "") -> None:
        """Die before the call ``at`` of the change."""
        ended = self.change(replace(self.fault, at=at), mutant=mutant)
        assert ended.was_killed, f"it did not die at {self.calls[at - 1]}: {ended}"

    def settle(self, verb: str, fault: Fault = NO_FAULT, *, mutant: str = "") -> Ended:
        """The next command."""
        command = self.world.apply if verb == "apply" else self.world.recover
        return self.forks.run(*command, fault=fault, mutant=mutant)

    def expected(self, at: int, verb: str) -> Portrait:
        """What the home must be after a death at ``at`` and the next command."""
        return self.world.after if verb == "apply" or at > self.commit else self.world.before

    def verdict(self, at: int, verb: str, *, mutant: str = "") -> list[str]:
        """What is wrong after a death at ``at`` and one more command."""
        self.die(at, mutant=mutant)
        return self._judged(at, verb, self.settle(verb, replace(self.fault, at=0), mutant=mutant), f"then {verb}")

    def verdict_on_pair(self, at: int, again: int, verb: str) -> list[str]:
        """What is wrong after a death at ``at``, one before the call ``again`` of the recovery, and another command."""
        self.die(at)
        second = self.settle("recover", replace(self.fault, at=again))
        assert second.was_killed, f"the recovery from {self.calls[at - 1]} did not die at its call {again}: {second}"
        return self._judged(at, verb, self.settle(verb), f"then at {again} of the recovery, then {verb}")

    def points_of_recovery(self, at: int) -> range:
        """The points of the recovery from a death at ``at``."""
        self.die(at)
        return range(1, len(self.settle("recover", self.fault).calls) + 1)

    def _judged(self, at: int, verb: str, ended: Ended, what: str) -> list[str]:
        faults = self.world.faults(self.expected(at, verb))
        if ended.code != 0:
            faults.append(f"it exited with {ended.code}: {ended.err}")
        return [f"died at {at}, {self.calls[at - 1]}, {what}: {fault}" for fault in faults]

    def _with_layers(self, fault: Fault) -> Fault:
        return replace(fault, layered=self.world.lower()) if self.layered else fault


@contextmanager
def _folder() -> Iterator[Path]:
    """A new folder, in memory where that can be: a disk that others use makes this four times as slow."""
    memory = "/dev/shm"  # noqa: S108 - the name in it is a new one
    with tempfile.TemporaryDirectory(prefix="llamagate-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name).resolve()


def is_commit(call: Call) -> bool:
    """Whether the call gives the journal its name."""
    return call.name == "replace" and call.paths[1].endswith("/reconciler/journal")


def verb_for(point: int) -> str:
    """Half of the points are followed by ``recover``, half by ``apply``."""
    return "recover" if point % 2 else "apply"
