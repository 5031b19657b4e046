"""THE LOOP: sleep until it is time, look, attempt what was not attempted, report. A thin shell over pure parts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from reconciler.commands.suspend import suspend
from reconciler.errors import LlamagateError
from reconciler.fs.tree import kind_at
from reconciler.loop.attempt import Tried, attempt
from reconciler.loop.conditions import deeds_of, reported, said_of
from reconciler.loop.fights import LIMIT, Fights
from reconciler.loop.fingerprint import Fingerprint, Lookout
from reconciler.loop.folders import folders_to_watch
from reconciler.loop.metrics import Counts
from reconciler.loop.options import POLL_SECONDS, Clock, Follow, LoopOptions
from reconciler.loop.outputs import Reporter
from reconciler.loop.schedule import JITTER, Due, End, Schedule
from reconciler.loop.wake import Wake
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.model.registry import registry_time
from reconciler.model.watched import Attempt, Result, Watched
from reconciler.store.watched_file import read_watched

_LOCK_WAIT_SECONDS: Final = 2.0
"""How long an attempt waits for another command; it is tried again anyway."""


@dataclass(slots=True)
class Loop:
    """The state of a watcher between its steps. ``looked`` is called after each look and each attempt."""

    order: LoopOptions
    reporter: Reporter
    wake: Wake
    follow: Follow | None = None
    looked: Callable[[], None] = lambda: None
    clock: Clock = field(default_factory=Clock)
    schedule: Schedule = field(init=False)
    state: Watched = field(init=False)
    lookout: Lookout = field(init=False)
    fights: Fights = field(init=False)
    counts: Counts = field(default_factory=Counts)
    seen: Fingerprint | None = None
    said: tuple[Result, str] | None = None
    said_of_gateway: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        order, now = self.order, self.clock.monotonic()
        file = str(order.options.file.absolute())
        before = read_watched(Home(order.env.home))
        if before is not None and (before.file, before.repository) != (file, order.repository):
            before = None  # what became of another input is nothing to go on from
        self.schedule = Schedule(interval=order.interval, resync_at=now)
        self.lookout = Lookout(order.options.file, Home(order.env.home))
        self.fights = Fights(window=order.interval * (1 + 2 * JITTER))
        self.state = Watched(
            pid=os.getpid(),
            started_at=registry_time(self.clock.now()),
            file=file,
            repository=order.repository,
            triggers="none",
            attempted=before.attempted if before else None,
            applied=before.applied if before else None,
            conditions=before.conditions if before else {},
            outcomes=before.outcomes if before else (),
        )

    def run(self) -> None:
        """Watch until a signal asks to end."""
        self._tell("Started", f"watching {self.state.repository or self.state.file} for {self.lookout.home.root}")
        self.reporter.manager.tell("READY=1")
        while self.wake.stopped_by is None:
            self.step()
            self._sleep()
        self.reporter.manager.tell("STOPPING=1")
        self._leave()
        self._tell("Stopped", "stopped watching")

    def once(self) -> Tried:
        """One attempt, and no more."""
        tried = self.attempt()
        self._leave()
        return tried

    def step(self) -> None:
        """Do what is due, if anything is. A trigger is nothing to do where all is as it was at the last attempt."""
        now = self.clock.monotonic()
        why = self.schedule.due(now)
        if why is None:
            return
        self._follow(now)  # before the look: what changes after it is a trigger
        if why in (Due.TRIGGER, Due.POLL) and self.lookout.look() == self.seen:
            self.schedule = self.schedule.looked(now)
        else:
            self.attempt()
        self.looked()

    def attempt(self) -> Tried:
        """One attempt, whatever the time."""
        started = self.clock.monotonic()
        commit, missed = self._fetch()
        situation = self.lookout.look()
        if missed is not None and not (commit and kind_at(self.order.options.file)):
            tried = Tried(error=missed)
        else:
            env = replace(self.order.env, now=self.clock.now())
            watch = Listener(wait=_LOCK_WAIT_SECONDS, notice=self._notice, progress=self._progress)
            tried = attempt(env, self.order.options, watch, self.lookout.inputs, self.fights)
            if missed is not None and tried.error is None:
                tried = replace(tried, error=missed)  # by what was fetched last
        self.seen = situation
        return self._ended(tried, situation, commit, started)

    def _fetch(self) -> tuple[str, LlamagateError | None]:
        """The commit that is followed now, and why it may not be the newest."""
        try:
            return self.order.fetch(), None
        except LlamagateError as error:
            return self.state.attempted.commit if self.state.attempted else "", error

    def _sleep(self) -> None:
        """Until something is due, someone wakes us, or the service manager wants a sign of life."""
        seconds = self.schedule.next[0] - self.clock.monotonic()
        keepalive = self.reporter.manager.keepalive
        if self.wake.sleep(seconds if keepalive is None else min(seconds, keepalive / 3)):
            now = self.clock.monotonic()
            self.schedule = self.schedule.lost(now) if self.wake.take_lost() else self.schedule.triggered(now)
        self.reporter.manager.alive()

    def _ended(self, tried: Tried, situation: Fingerprint, commit: str, started: float) -> Tried:
        now, moment = self.clock.monotonic(), self.clock.now()
        self.schedule = self.schedule.attempted(now, tried.end, self.clock.chance())
        after = self.lookout.look()
        done = Attempt(
            at=registry_time(moment),
            result=tried.result,
            reason=tried.reason,
            message=said_of(tried),
            generation=after.record.generation if after.record else 0,
            input=situation.input,
            commit=commit,
        )
        self.counts = self.counts.after(tried.result, now - started)
        before, next_at = self.state, moment + timedelta(seconds=self.schedule.next[0] - now)
        self.state = replace(reported(before, tried, done, after.record), next_at=registry_time(next_at))
        self.reporter.state(self.state, self.counts)
        self._say(tried, done, before.attempted)
        self._end_fights(tried, situation, now)
        return tried

    def _say(self, tried: Tried, done: Attempt, last: Attempt | None) -> None:
        """What is new: not that there was nothing to do, nor a second time the same failure."""
        if (plan := tried.carried_out) is not None:
            number = plan.generation + 1
            self._tell("Applied", f"generation {number}: {deeds_of(plan)}", generation=number)
        is_same = self.said == (done.result, done.message)
        self.said = (done.result, done.message)
        if tried.error is not None and not is_same:
            later = " (it is tried again)" if tried.end is End.RETRY else ""
            event = str(done.result).title().replace("-", "")
            self._tell(event, f"{done.message}{later}", done.reason, done.generation)
        elif done.result is Result.UNCHANGED and last is not None and last.result not in (done.result, Result.APPLIED):
            self._tell("Recovered", f"as the input says again (generation {done.generation})", "", done.generation)
        for warning in tried.outcome.warnings if tried.outcome else ():
            self._notice(warning)
        self._say_of_gateway(tried)

    def _say_of_gateway(self, tried: Tried) -> None:
        """How it took a change, and what is new of one that is told again and again."""
        reload = tried.reload
        lines = (reload.message, *reload.notes) if reload else ()
        if reload and (lines != self.said_of_gateway or tried.carried_out is not None):
            for line in lines:
                self._tell("Gateway", line, str(reload.state))
        self.said_of_gateway = lines or self.said_of_gateway

    def _end_fights(self, tried: Tried, situation: Fingerprint, now: float) -> None:
        if tried.outcome is None or tried.outcome.plan.refusals:
            return
        plan, generation = tried.outcome.plan, tried.outcome.generation
        self.fights = self.fights.after(now, input_digest=situation.input, plan=plan, generation=generation)
        for item in self.fights.lost:
            self.fights = self.fights.without(item)
            reason = f"put right {LIMIT} times in a row and put wrong again; {tried.evidence.get(item, 'by whom?')}"
            env = replace(self.order.env, now=self.clock.now())
            watch = Listener(wait=_LOCK_WAIT_SECONDS, notice=self._notice)
            try:
                suspend(env, self.order.options.file, watch, item=item, reason=reason)
            except LlamagateError as error:
                self._notice(error.message)
            else:
                self._tell("Fighting", f"{item} is left alone until 'llamagate resume {item}': {reason}")

    def _follow(self, now: float) -> None:
        if self.follow is None:
            return
        seconds, triggers = self.order.poll, "polling, as asked"
        if seconds is None:
            lookout = self.lookout
            reason = self.follow.follow(
                folders_to_watch(lookout.file, lookout.inputs.sources(lookout.file), lookout.home)
            )
            seconds, triggers = (POLL_SECONDS, f"polling: {reason}") if reason else (None, "events")
        self.schedule = self.schedule.polling(now, seconds)
        if triggers != self.state.triggers:
            self.state = replace(self.state, triggers=triggers)
            if seconds is not None:
                self._tell("Polling", f"looking every {seconds:g} s; {triggers}")

    def _leave(self) -> None:
        self.state = replace(self.state, next_at="")
        self.reporter.state(self.state, self.counts)

    def _tell(self, event: str, message: str, reason: str = "", generation: int | None = None) -> None:
        self.reporter.event(registry_time(self.clock.now()), event, message, reason=reason, generation=generation)

    def _notice(self, line: str) -> None:
        self._tell("Notice", line)

    def _progress(self, _what: str, _done: int, _total: int) -> None:
        self.reporter.manager.alive()
