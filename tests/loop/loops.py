"""A watcher in this process, whose time is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from reconciler.loop.loop import Loop
from reconciler.loop.options import Clock, LoopOptions
from reconciler.loop.reporter import Reporter
from reconciler.loop.wake import Wake
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.reconcile.options import Options
from tests.cli.shell import Session

INTERVAL_SECONDS: Final = 600.0
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Time:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def clock(self, chance: Callable[[], float] = lambda: 0.5) -> Clock:
        return Clock(monotonic=lambda: self.now, now=lambda: START + timedelta(seconds=self.now), chance=chance)


def loop_of(session: Session, clock: Clock, wake: Wake, speak: Callable[[str], None]) -> Loop:
    """A watcher of the session's file that has not looked yet."""
    home = Home(session.home)
    home.ours.mkdir(parents=True, exist_ok=True)
    env = Environment(home=home.root, is_own_home=False, variables={}, now=START, command="llamagate watch")
    options = LoopOptions(env=env, options=Options(file=session.project / "llamagate.yaml"), interval=INTERVAL_SECONDS)
    return Loop(options, Reporter(home, speak=speak, emit=lambda _: None), wake, clock=clock)


@dataclass
class Driven:
    """A watcher and the time that it lives in. ``said`` is all that it said."""

    loop: Loop
    time: Time
    said: list[str]

    def trigger(self) -> None:
        """Something may have changed; and then it is quiet."""
        self.loop.schedule = self.loop.schedule.triggered(self.time.now)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        self.time.now += seconds
        self.loop.step()

    @property
    def attempts(self) -> int:
        return sum(self.loop.watched.counts.attempts.values())


@contextmanager
def driven(session: Session) -> Iterator[Driven]:
    wake, time, said = Wake(), Time(), list[str]()
    try:
        yield Driven(loop_of(session, time.clock(), wake, said.append), time, said)
    finally:
        wake.close()
