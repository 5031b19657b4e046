"""Let a command die at a point, run the next command, and say what is wrong with what is left."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from reconciler.errors import ExitCode
from tests.conftest import MEMORY
from tests.crash import worlds
from tests.crash.changes import CHANGES, MIXED
from tests.crash.figures import FIGURES
from tests.crash.forks import NO_FAULT, Ended, Forks
from tests.crash.shim import Call, Fault
from tests.crash.worlds import Portrait, World
from tests.fs.hostile import mounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One change and all its points.

    ``fault`` is what it suffers from all the time; with ``layered`` the installed folders cannot be renamed either.
    ``mutant`` names a function of ``tests.crash.mutants`` that damages each command.
    """

    forks: Forks
    world: World
    fault: Fault
    layered: bool
    calls: tuple[Call, ...]
    mutant: str = ""

    @classmethod
    @contextmanager
    def of(
        cls, fault: Fault = NO_FAULT, *, change: str = MIXED, layered: bool = False, elsewhere: bool = False
    ) -> Iterator[Self]:
        """Build the world of one of ``CHANGES`` and count the calls of the change under ``fault``.

        ``elsewhere``: the extensions lie on another file system, and the test is skipped where none can be mounted.
        """
        with ExitStack() as stack:
            root = stack.enter_context(folder())
            other = stack.enter_context(mounted("tmpfs", "size=8m", root / "other")) if elsewhere else None
            forks = Forks(root)
            world = worlds.build(root, forks, CHANGES[change], elsewhere=other and other / "installed")
            sweep = cls(forks=forks, world=world, fault=fault, layered=layered, calls=())
            ended = sweep.change()
            assert ended.code == 0, ended.err
            assert world.faults(world.after) == []
            yield replace(sweep, calls=ended.calls)

    @property
    def points(self) -> range:
        return range(1, len(self.calls) + 1)

    @property
    def commit(self) -> int:
        """The number of the call that commits: who dies before it leaves the home as it was before.

        The last one of all, where the change needs no commit.
        """
        commits = (at for at in self.points if self.calls[at - 1].is_about("replace", "/reconciler/journal"))
        return next(commits, len(self.calls))

    @property
    def end(self) -> int:
        """The number of the call that ends the change: what comes after it only tidies up."""
        return next(at for at in self.points if self.calls[at - 1].is_about("unlink", "/reconciler/journal"))

    def start(self) -> Fault:
        """Back to before the change; what all commands from here on suffer from."""
        self.world.reset()
        return replace(self.fault, layered=self.world.lower()) if self.layered else self.fault

    def change(self, **fault: Any) -> Ended:
        """The command under test, in a world as it was before, with one more ``fault``."""
        return self.settle("apply", replace(self.start(), **fault))

    def mutated(self, mutant: str) -> Sweep:
        """The same change, damaged; what it comes to then is what counts as after."""
        sweep = replace(self, mutant=mutant)
        ended = sweep.change()
        assert ended.code == 0, ended.err
        return replace(sweep, calls=ended.calls, world=replace(self.world, after=worlds.portrait(self.world.home)))

    def die(self, at: int) -> Fault:
        """Die before the call ``at`` of the change; what the next commands suffer from."""
        lasting = self.start()
        ended = self.settle("apply", replace(lasting, at=at))
        assert ended.was_killed, f"it did not die at {self.calls[at - 1]}: {ended}"
        return lasting

    def settle(self, verb: str, fault: Fault = NO_FAULT) -> Ended:
        """The next command."""
        command = self.world.apply if verb == "apply" else self.world.recover
        return self.forks.run(*command, fault=fault, mutant=self.mutant)

    def verdict(self, at: int, verb: str) -> list[str]:
        """What is wrong after a death at ``at`` and one more command, for which half of the times the fault is gone."""
        verb = verb if self.world.change.repeats else "recover"
        lasting = self.die(at)
        ended = self.settle(verb, lasting if at % 4 < 2 else NO_FAULT)
        FIGURES["deaths"] += 1
        return self._judged(ended, self._expected(at, verb), f"died at {at}, {self.calls[at - 1]}, then {verb}")

    def verdict_on_pair(self, at: int, again: int, verb: str) -> list[str]:
        """What is wrong after a death at ``at``, one at the call ``again`` of the recovery, and another command."""
        verb = verb if self.world.change.repeats else "recover"
        lasting = self.die(at)
        second = self.settle("recover", replace(lasting, at=again))
        assert second.was_killed, f"the recovery from {self.calls[at - 1]} did not die at its call {again}: {second}"
        ended = self.settle(verb, lasting)
        FIGURES["deaths during recovery"] += 1
        what = f"died at {at}, {self.calls[at - 1]}, then at {again} of the recovery, then {verb}"
        return self._judged(ended, self._expected(at, verb), what)

    def points_of_recovery(self, at: int) -> range:
        """The points of the recovery from a death at ``at``."""
        lasting = self.die(at)
        return range(1, len(self.settle("recover", lasting).calls) + 1)

    def points_of_undoing(self, failed: int) -> range:
        """The points of the undoing of a change that fails at ``failed``; none where that is not undone."""
        ended = self.change(at=failed, error=errno.EIO)
        undone = ended.code == ExitCode.ROLLED_BACK
        assert not undone or self.world.faults(self.world.before) == []
        return range(failed + 1, len(ended.calls) + 1) if undone else range(0)

    def verdict_on_undoing(self, failed: int, at: int) -> list[str]:
        """What is wrong after a change fails at ``failed``, dies at ``at`` while it is undone, and a recovery."""
        lasting = self.start()
        ended = self.settle("apply", replace(lasting, at=failed, error=errno.EIO, dies=at))
        assert ended.was_killed, f"it did not die at {at} after {self.calls[failed - 1]}: {ended}"
        FIGURES["deaths while a failed change was undone"] += 1
        wanted = [self.world.before, self.world.after]
        what = f"failed at {failed}, {self.calls[failed - 1]}, died at {at}, then recover"
        return self._judged(self.settle("recover", lasting), wanted, what)

    def _expected(self, at: int, verb: str) -> list[Portrait]:
        if verb == "recover" and self.mutant:  # whether it is the right one is beside the point then
            return [self.world.before, self.world.after]
        return [self.world.after if verb == "apply" or at > self.commit else self.world.before]

    def _judged(self, ended: Ended, wanted: list[Portrait], what: str) -> list[str]:
        faults = self.world.faults(*wanted)
        if not ended.is_well:
            faults.append(f"it exited with {ended.code}: {ended.err}")
        return [f"{what}: {fault}" for fault in faults]


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, in memory where that can be: a disk that others use makes this four times as slow."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="llamagate-", dir=memory) as name:
        yield Path(name).resolve()


def verb_for(point: int) -> str:
    """Half of the points are followed by ``recover``, half by ``apply``."""
    return "recover" if point % 2 else "apply"
