"""Random interleavings of what people, programs and fate do to a watched home; and that it always comes right.

The clock is handed in. Events may be lost, attempts may die or fail at any call to the file system, and other commands
come in between. A seed gives the same story each time.
"""

from __future__ import annotations

import errno
import gc
import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from reconciler.fs import file_lock
from reconciler.loop.wake import Wake
from reconciler.model.watched import Aspect
from tests.cli.shell import Session
from tests.crash.shim import Fault, Shim
from tests.loop.loops import INTERVAL_SECONDS, Time, loop_of

ITEMS: Final = ("ant", "bee", "cow", "dog")
STEPS: Final = 12
_ERRORS: Final = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE)
_MAX_CALLS: Final = 120
"""About as many calls as an attempt makes that changes an item; a fault at a later one is none."""
_POLICY: Final = "policy: {max_prune: 100%, drift: {edited: heal, missing: heal}}\n"
_BAD: Final = ("[", "", "extensions: 5\n", "apiVersion: llamagate/v1\nextensions:\n  ant: ./nowhere\n")


@dataclass
class Story:
    """One interleaving. ``wanted`` maps each item that the file lists to its version."""

    session: Session
    seed: int
    wanted: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - the same story for the same seed
        self.is_good = True
        self.wake = Wake()
        self._begin()
        self._save()

    def tell(self) -> None:
        """Everything that happens."""
        deeds: list[Callable[[], None]] = [
            *[self.wants] * 3,
            self.drops,
            self.spoils_the_file,
            self.mends_the_file,
            *[self.tampers] * 2,
            *[self.dies] * 2,
            *[self.fails] * 2,
            self.finds_it_busy,
            self.rolls_back,
            self.resumes,
            self.starts_over,
        ]
        for _ in range(STEPS):
            deed = self.chance.choice(deeds)
            self.told.append(deed.__name__)
            deed()
            if self.chance.random() < 0.7:
                self._event()
            self._pass()

    def end(self) -> None:
        """Nothing bad happens any more, and time passes."""
        self.told.append("the end")
        self._save()
        self.session.llamagate("resume")
        for _ in range(3):
            self.time.now += INTERVAL_SECONDS * 1.2
            self.loop.step()

    def close(self) -> None:
        self.wake.close()

    def faults(self) -> list[str]:
        """What is not as it should be after the end; nothing, where all came right."""
        session = self.session
        found = session.plan()
        installed = session.home / "extensions" / "installed"
        there = sorted(path.name for path in installed.iterdir()) if installed.exists() else []
        registered = session.registered() if session.registry.exists() else {}
        versions = {item: entry["version"] for item, entry in registered.items()}
        condition = self.loop.watched.conditions[Aspect.READY]
        claims = {
            "the plan is empty": not (found["changes"] or found["drift"] or found["refusals"]),
            "the folders are those of the file": there == sorted(self.wanted),
            "the registry is that of the file": versions == {k: f"{v}.0.0" for k, v in self.wanted.items()},
            "it says that it is ready": condition.status == "True",
            "no journal is left": not session.journal.exists(),
            "nothing staged is left": not list((session.ours / "stage").glob("*")),
        }
        return [claim for claim, holds in claims.items() if not holds]

    # What people do

    def wants(self) -> None:
        item = self.chance.choice(ITEMS)
        self.wanted[item] = self.wanted.get(item, 0) + 1
        self._save()

    def drops(self) -> None:
        if self.wanted:
            del self.wanted[self.chance.choice(sorted(self.wanted))]
        self._save()

    def spoils_the_file(self) -> None:
        self.session.write("llamagate.yaml", self.chance.choice(_BAD))
        self.is_good = False

    def mends_the_file(self) -> None:
        self._save()

    def rolls_back(self) -> None:
        self.session.run("rollback")

    def resumes(self) -> None:
        self.session.run("resume")

    # What programs do

    def tampers(self) -> None:
        item = self.chance.choice(ITEMS)
        folder, registry = self.session.installed(item), self.session.registry
        if not folder.exists():
            return
        match self.chance.randrange(5):
            case 0:
                shutil.rmtree(folder)
            case 1:
                (folder / "manifest.yaml").unlink(missing_ok=True)
            case 2:
                (folder / "manifest.yaml").write_text("name: nonsense\n")
            case 3:
                registry.write_text("[]")
            case _:
                registry.write_bytes(registry.read_bytes()[:20])
                os.utime(registry, (1, 1))  # nobody is still writing it

    # What fate does

    def dies(self) -> None:
        self.wants()  # else there is hardly a call to die at
        self._in_a_fork(Fault(at=self.chance.randrange(1, _MAX_CALLS)))

    def fails(self) -> None:
        self.wants()
        call = self.chance.randrange(1, _MAX_CALLS)
        error = self.chance.choice(_ERRORS)
        self._in_a_fork(Fault(at=call, error=error, forever=self.chance.random() < 0.5))

    def finds_it_busy(self) -> None:
        self._event()
        self.session.ours.mkdir(parents=True, exist_ok=True)
        with file_lock.exclusive(self.session.ours / "lock", command="another", wait=0, notice=self.told.append):
            self._pass()

    def starts_over(self) -> None:
        self._begin()

    # How it is done

    def _begin(self) -> None:
        self.loop = loop_of(self.session, self.time.clock(self.chance.random), self.wake, self.told.append)

    def _save(self) -> None:
        for item, version in self.wanted.items():
            self.session.package(item, version=f"{version}.0.0")
        lines = "".join(f"  {item}: ./packages/{item}\n" for item in sorted(self.wanted))
        self.session.desired(f"{_POLICY}extensions:{f'{chr(10)}{lines}' if lines else ' {}' + chr(10)}")
        self.is_good = True

    def _event(self) -> None:
        self.loop.schedule = self.loop.schedule.triggered(self.time.now)

    def _pass(self) -> None:
        before = self._there()
        self.time.now += self.chance.choice([1.0, 6.0, 60.0, 400.0])
        self.loop.step()
        if not self.is_good:
            assert before <= self._there(), f"a bad file removed something: {self.told}"

    def _there(self) -> set[str]:
        installed = self.session.home / "extensions" / "installed"
        return {path.name for path in installed.iterdir()} if installed.exists() else set()

    def _in_a_fork(self, fault: Fault) -> None:
        """An attempt of a watcher that dies, or that the system refuses something. The next one starts over."""
        child = os.fork()
        if not child:
            gc.disable()  # what the parent left is not for the child to end, and is many pages
            signal.alarm(60)
            Shim(f"{self.session.home}/", fault).install()
            try:
                self.loop.attempt()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        self._begin()
