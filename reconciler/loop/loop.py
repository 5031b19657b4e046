"""THE LOOP: sleep until it is time, look, attempt what was not attempted, report. A thin shell over pure parts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.commands.suspend import suspend
from reconciler.errors import LlamagateError
from reconciler.fs.tree import kind_at
from reconciler.loop.asking import Asking
from reconciler.loop.attempt import WatchedPass
from reconciler.loop.conditions import reported
from reconciler.loop.fights import LIMIT, Fights
from reconciler.loop.fingerprint import Fingerprint, Lookout
from reconciler.loop.folders import folders_to_watch
from reconciler.loop.news import Event, Said, news, said_of
from reconciler.loop.options import POLL_SECONDS, Clock, LoopOptions
from reconciler.loop.own_change import after
from reconciler.loop.reporter import Reporter
from reconciler.loop.schedule import JITTER, Due, Schedule
from reconciler.loop.tried import Tried
from reconciler.loop.wake import Wake
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.model.registry import moment_of, registry_time
from reconciler.model.watched import Attempt, Counts, Newer, Result, Watched
from reconciler.store.watched_file import read_watched

if TYPE_CHECKING:
    from reconciler.loop.events import Events  # watchdog takes time to load, and one attempt needs none

_LOCK_WAIT_SECONDS: Final = 2.0
"""How long an attempt waits for another command; it is tried again anyway."""


class Memory(Struct, frozen=True, kw_only=True):
    """What is known from one attempt to the next. ``seen`` is what the last one started from."""

    fights: Fights
    said: Said = field(default_factory=Said)
    seen: Fingerprint | None = None
    asked_at: float | None = None
    """When the sources were asked for newer versions last, whatever came of it; on the loop's own clock."""


class Loop:
    """A watcher between its steps. ``looked`` is called after each look and each attempt."""

    def __init__(
        self,
        options: LoopOptions,
        reporter: Reporter,
        wake: Wake,
        *,
        events: Events | None = None,
        looked: Callable[[], None] = lambda: None,
        clock: Clock,
    ) -> None:
        self.options = options
        self.reporter = reporter
        self.wake = wake
        self.events = events
        self.looked = looked
        self.clock = clock
        self.asking = Asking(wake)
        self.lookout = Lookout(options.options.file, Home(options.env.home))
        self.schedule = Schedule(interval=options.interval, resync_at=self.clock.monotonic())
        self.watched = self._begun()
        self.memory = Memory(fights=Fights(window=options.interval * (1 + 2 * JITTER)))

    def run(self) -> None:
        """Watch until a signal asks to end."""
        input_name = self.watched.repository or self.watched.file
        self._tell(Event("Started", f"watching {input_name} for {self.lookout.home.root}"))
        self.reporter.manager.tell("READY=1")
        while self.wake.stopped_by is None:
            self.step()
            self._sleep()
        self.reporter.manager.tell("STOPPING=1")
        self._leave()
        self._tell(Event("Stopped", "stopped watching"))

    def stop(self) -> None:
        """Ask ``run`` to end, from any thread; the change under way is finished first."""
        self.wake.stopped_by = signal.SIGTERM
        self.wake.trigger()

    def once(self) -> Tried:
        """One attempt, and no more. Who started it wants to know, too, that there was nothing to do."""
        tried = self.attempt()
        self._take_newer(waits=True)
        if tried.result is Result.UNCHANGED and self.watched.attempted is not None:
            generation = self.watched.attempted.generation
            self._tell(Event("InSync", f"{said_of(tried)} (generation {generation})", generation=generation))
        self._leave()
        return tried

    def step(self) -> None:
        """Do what is due, if anything is. A trigger is nothing to do where all is as it was at the last attempt."""
        if self._take_newer():
            self.reporter.status(self.watched)
        now = self.clock.monotonic()
        why = self.schedule.due(now)
        if why is None:
            return
        self._watch_folders(now)  # before the look: what changes after it is a trigger
        found = self.lookout.look(self.memory.seen) if why in (Due.TRIGGER, Due.POLL) else None
        if found is not None and found == self.memory.seen:
            self.schedule = self.schedule.looked(now)
        else:
            self.attempt(found)
        self.looked()

    def attempt(self, looked: Fingerprint | None = None) -> Tried:
        """One attempt, whatever the time. ``looked``: what was found just now."""
        started = self.clock.monotonic()
        commit, missed = self._fetch()
        fingerprint = self.lookout.look() if looked is None or self.watched.repository else looked
        if missed is not None and not (commit and kind_at(self.lookout.file)):
            tried = Tried(error=missed)
        else:
            inputs, fights = self.lookout.inputs, self.memory.fights
            tried = WatchedPass(self._env, self.options.options, self._listener, inputs, fights).attempt()
            if missed is not None and tried.error is None:
                tried = replace(tried, error=missed)  # by what was fetched last
        self._ended(tried, fingerprint, commit, started)
        return tried

    def _begun(self) -> Watched:
        """The status before the first attempt; what became of another input is nothing to go on from."""
        file, repository = str(self.lookout.file.absolute()), self.options.repository
        before = read_watched(self.lookout.home)
        if before is None or (before.file, before.repository) != (file, repository):
            counts = before.counts if before is not None else Counts()
            before = Watched(pid=0, started_at="", file=file, triggers="", repository=repository, counts=counts)
        before = replace(before, ref=self.options.ref)
        return replace(before, pid=os.getpid(), started_at=registry_time(self.clock.now()), triggers="none", next_at="")

    def _fetch(self) -> tuple[str, LlamagateError | None]:
        """The commit that is followed now, and why it may not be the newest."""
        try:
            return self.options.fetch(), None
        except LlamagateError as error:
            return self.watched.attempted.commit if self.watched.attempted else "", error

    def _sleep(self) -> None:
        """Until something is due, someone wakes us, or the service manager wants a sign of life."""
        seconds = self.schedule.next[0] - self.clock.monotonic()
        keepalive = self.reporter.manager.keepalive
        if self.wake.sleep(seconds if keepalive is None else min(seconds, keepalive / 3)):
            now = self.clock.monotonic()
            self.schedule = self.schedule.lost(now) if self.wake.take_lost() else self.schedule.triggered(now)
        self.reporter.manager.alive()

    def _ended(self, tried: Tried, fingerprint: Fingerprint, commit: str, started: float) -> None:
        now, moment = self.clock.monotonic(), self.clock.now()
        self.schedule = self.schedule.attempted(now, tried.end, self.clock.chance())
        record = self.lookout.record()
        attempt = Attempt(
            at=registry_time(moment),
            result=tried.result,
            reason=tried.reason,
            message=said_of(tried),
            generation=record.generation if record else 0,
            input=fingerprint.input,
            commit=commit,
        )
        before, memory = self.watched, self.memory
        seen = after(self.lookout, tried, fingerprint, memory.seen)
        next_at = moment + timedelta(seconds=self.schedule.next[0] - now)
        counts = before.counts.after(tried.result, now - started)
        self.watched = replace(reported(before, tried, attempt, record), next_at=registry_time(next_at), counts=counts)
        self.memory = replace(memory, said=memory.said.after(tried, attempt), seen=seen)
        self._ask_for_newer(moment, now)
        self.reporter.status(self.watched)
        self._tell(*news(tried, attempt, before.attempted, memory.said))
        self._end_fights(tried, fingerprint, now)

    def _ask_for_newer(self, moment: datetime, now: float) -> None:
        """Ask the sources for newer versions, where that is wanted and due. Where one fails, the last answer stays."""
        seconds, newer = self.options.outdated, self.watched.newer
        if seconds is None:
            self.watched = replace(self.watched, newer=None)
            return
        age = (moment - moment_of(newer.at)).total_seconds() if newer else -1
        asked = self.memory.asked_at
        if 0 <= age < seconds or (asked is not None and now < asked + seconds):
            return
        self.memory = replace(self.memory, asked_at=now)
        self.asking.begin(partial(_newer, self._env, self.lookout.file))

    def _take_newer(self, *, waits: bool = False) -> bool:
        """Take the answer about newer versions, if there is one; whether there is."""
        newer = self.asking.take(waits=waits)
        if newer is not None:
            self.watched = replace(self.watched, newer=newer)
        return newer is not None

    def _end_fights(self, tried: Tried, fingerprint: Fingerprint, now: float) -> None:
        if tried.outcome is None or tried.outcome.plan.refusals:
            return
        plan, generation = tried.outcome.plan, tried.outcome.generation
        fights = self.memory.fights.after(now, input_digest=fingerprint.input, plan=plan, generation=generation)
        for key in fights.lost:
            fights = fights.without(key)
            who = tried.evidence.get(key, "by an unknown program")
            reason = f"repaired {LIMIT} times in a row and changed back each time; {who}"
            try:
                given = suspend(self._env, self.lookout.file, self._listener, item=key.id, kind=key.kind, reason=reason)
            except LlamagateError as error:
                self._notice(error.message)
            else:
                said = f"{given.what} is paused until 'llamagate resume {given.what}': {reason}"
                self._tell(Event("Fighting", said))
        self.memory = replace(self.memory, fights=fights)

    def _watch_folders(self, now: float) -> None:
        """Have events of what is there now; where there can be none, or none are wanted, poll."""
        if self.events is None:
            return
        seconds, triggers = self.options.poll, "polling, as requested"
        if seconds is None:
            lookout = self.lookout
            sources = lookout.inputs.sources(lookout.file)
            if lookout.has_servers():
                sources = (*sources, str(lookout.home.gateway_file))
            reason = self.events.watch(folders_to_watch(lookout.file, sources, lookout.home))
            seconds, triggers = (POLL_SECONDS, f"polling: {reason}") if reason else (None, "events")
            if notice := self.events.take_notice():
                self._notice(notice)
        self.schedule = self.schedule.polling(now, seconds)
        if triggers != self.watched.triggers:
            self.watched = replace(self.watched, triggers=triggers)
            if seconds is not None:
                self._tell(Event("Polling", f"looking every {seconds:g} s; {triggers}"))

    def _leave(self) -> None:
        self.watched = replace(self.watched, next_at="")
        self.reporter.status(self.watched)

    @property
    def _env(self) -> Environment:
        return replace(self.options.env, now=self.clock.now())

    @property
    def _listener(self) -> Listener:
        return Listener(wait=_LOCK_WAIT_SECONDS, notice=self._notice, progress=self._progress, warns=False)

    def _tell(self, *events: Event) -> None:
        for event in events:
            self.reporter.event(registry_time(self.clock.now()), event)

    def _notice(self, line: str) -> None:
        self._tell(Event("Notice", line))

    def _progress(self, _what: str, _done: int, _total: int) -> None:
        self.reporter.manager.alive()


def _newer(env: Environment, file: Path) -> Newer:
    """How many items have a newer version, at the time of ``env``."""
    from reconciler.queries.outdated import read_outdated  # the door to the clients, which take time to load

    found = read_outdated(env, file)
    return Newer(at=registry_time(env.now), items=sum(one.is_outdated for one in found))
