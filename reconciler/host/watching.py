"""``serve --watch``: the loop beside the server. What it changes, or finds changed, is served without a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from reconciler.host.runtime import Runtime
from reconciler.host.snapshot import Difference, Snapshot
from reconciler.loop.events import Events
from reconciler.loop.loop import Loop
from reconciler.loop.options import Clock, LoopOptions, only_watcher
from reconciler.loop.reporter import Reporter
from reconciler.loop.wake import Wake
from reconciler.model.home import Home
from reconciler.reconcile.proposal import Options


@contextmanager
def watching(runtime: Runtime, options: Options) -> Iterator[Loop]:
    """A watcher of the runtime's home, ready to run; the only one there is: ``BusyError`` where another is at work."""
    # Where no gateway is named, the default address is this very process, which needs no call.
    env = replace(runtime.env, is_own_home=False)
    reporter = Reporter(Home(env.home), speak=runtime.tell, emit=lambda _: None)
    with only_watcher(env, runtime.tell):
        wake = Wake()
        events = Events(wake)
        try:
            loop_options = LoopOptions(env=env, options=options)
            yield Loop(loop_options, reporter, wake, clock=Clock(), events=events, looked=lambda: look_again(runtime))
        finally:
            events.close()
            wake.close()


def look_again(runtime: Runtime) -> None:
    """Refresh, and tell what is news."""
    before, result = runtime.snapshot, runtime.refresh()
    for line in _news(before, result.snapshot, result.changed):
        runtime.tell(line)


def _news(before: Snapshot, now: Snapshot, changed: Difference) -> Iterator[str]:
    known = {*before.warnings, *map(str, before.faults)}
    yield from (line for line in (*now.warnings, *map(str, now.faults)) if line not in known)
    named = (("added", changed.added), ("updated", changed.updated), ("removed", changed.removed))
    said = [f"{what} {', '.join(names)}" for what, names in named if names]
    if said:
        yield f"served now: {'; '.join(said)}"
