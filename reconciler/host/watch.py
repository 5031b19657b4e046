"""``serve --watch``: the loop beside the server. What it changes, or finds changed, is served without a call."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.host.runtime import Runtime
from reconciler.host.snapshot import Difference, Snapshot
from reconciler.loop.events import Events
from reconciler.loop.loop import Loop
from reconciler.loop.options import LoopOptions, only_watcher
from reconciler.loop.reporter import Reporter
from reconciler.loop.wake import Wake
from reconciler.model.home import Home
from reconciler.reconcile.proposal import Options


@dataclass(frozen=True, slots=True)
class Watching:
    """A loop that is ready to run, in a thread of its own. ``stop`` may be called from any other."""

    _loop: Loop

    def run(self) -> None:
        """Watch until someone asks to stop; the change under way is finished first."""
        self._loop.run()

    def stop(self) -> None:
        """Ask it to end."""
        self._loop.wake.stopped_by = signal.SIGTERM
        self._loop.wake.trigger()


@contextmanager
def watching(runtime: Runtime, options: Options) -> Iterator[Watching]:
    """A watcher of the runtime's home, the only one there is; ``BusyError`` where another is at work."""
    # Where no gateway is named, the default address is this very process, which needs no call.
    env = replace(runtime.env, is_own_home=False)
    reporter = Reporter(Home(env.home), speak=runtime.tell, emit=lambda _: None)
    with only_watcher(env, runtime.tell):
        wake = Wake()
        events = Events(wake)
        try:
            loop_options = LoopOptions(env=env, options=options)
            yield Watching(Loop(loop_options, reporter, wake, events=events, looked=lambda: look_again(runtime)))
        finally:
            events.close()
            wake.close()


def look_again(runtime: Runtime) -> None:
    """Refresh, and tell what is news."""
    before = runtime.snapshot
    refreshed = runtime.refresh()
    for line in _news(before, refreshed.snapshot, refreshed.changed):
        runtime.tell(line)


def _news(before: Snapshot, now: Snapshot, changed: Difference) -> Iterator[str]:
    known = {*before.warnings, *map(str, before.faults)}
    yield from (line for line in (*now.warnings, *map(str, now.faults)) if line not in known)
    named = (("added", changed.added), ("updated", changed.updated), ("removed", changed.removed))
    said = [f"{what} {', '.join(names)}" for what, names in named if names]
    if said:
        yield f"served now: {'; '.join(said)}"
