"""Watchdog's threads die of errors of its own: that is noticed, and what was missed is found."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from watchdog.observers.inotify_c import InotifyFD
from watchdog.utils import BaseThread

from reconciler.loop.events import DEATH_WINDOW_SECONDS, MAX_DEATHS, Events
from reconciler.loop.wake import Wake
from tests.cli.shell import TIMEOUT_SECONDS, Session, ending_in
from tests.host.test_serve_command import serving
from tests.host.test_watching import answered, put
from tests.loop.test_triggers import place
from tests.loop.watcher import Watcher, eventually, state, watching

NO_INTERVAL = ("--interval", 86400)
"""Nothing but events brings the next look."""


class Seconds:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def events(wake: Wake, seconds: Seconds) -> Iterator[Events]:
    watched = Events(wake, clock=seconds)
    yield watched
    watched.close()


def watchdogs() -> list[BaseThread]:
    """The threads of watchdog that are alive."""
    return [thread for thread in threading.enumerate() if isinstance(thread, BaseThread)]


def muddle(folder: Path, aside: Path) -> None:
    """What leaves watchdog with a watch whose path it has forgotten, in the watched ``folder``."""
    for number in range(2):
        (folder / "d").mkdir()
        time.sleep(0.2)  # it is watched now
        (folder / "d").rename(aside) if number == 0 else (folder / "d").rmdir()
    time.sleep(0.2)


def deafen(folder: Path, aside: Path) -> None:
    """What then kills its reader."""
    muddle(folder, aside)
    aside.rmdir()


def alive(thread: type) -> BaseThread:
    return next(one for one in watchdogs() if isinstance(one, thread))


def killed(thread: BaseThread, touched: Path) -> None:
    """Raise an error in ``thread``, and give it something to do, as it heeds that in between only."""
    if sys.gettrace() is not None:
        pytest.skip("with a tracer, as of coverage, this thread would wait for that one without ever letting it run")
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(KeyError))

    def is_dead() -> bool:
        touched.touch()
        thread.join(0.05)
        return not thread.is_alive()

    eventually(is_dead, "the thread is dead")


def hears(wake: Wake, folder: Path) -> bool:
    """Whether a change in ``folder`` wakes; what was told before is forgotten."""
    while wake.sleep(0.3):
        pass
    wake.take_lost()
    (folder / "heard").write_text(str(time.monotonic()))
    return wake.sleep(5)


def test_the_reader_dies_of_a_folder_that_is_moved_made_again_and_removed(
    tmp_path: Path, wake: Wake, events: Events, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert events.watch([place(folder)]) == ""
    deafen(folder, tmp_path / "aside")
    eventually(wake.take_lost, "it is noticed")
    assert not hears(wake, folder)
    assert events.watch([place(folder)]) == ""
    assert "KeyError" in events.take_notice()
    assert events.take_notice() == ""
    assert hears(wake, folder)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["InotifyFD", "InotifyObserver"])
def test_either_thread_may_die(tmp_path: Path, wake: Wake, events: Events, kind: str) -> None:
    assert events.watch([place(tmp_path)]) == ""
    before = watchdogs()
    killed(next(one for one in before if type(one).__name__ == kind), tmp_path / "file")
    eventually(wake.take_lost, "it is noticed")
    assert events.watch([place(tmp_path)]) == ""
    assert hears(wake, tmp_path)
    eventually(lambda: len(watchdogs()) == len(before), "none of the old threads is left")


def test_the_thread_of_a_folder_may_die_when_that_goes(tmp_path: Path, wake: Wake, events: Events) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    events.watch([place(folder)])
    muddle(folder, tmp_path / "aside")
    folder.rmdir()
    eventually(wake.take_lost, "it is noticed")
    folder.mkdir()
    assert events.watch([place(folder)]) == ""
    assert hears(wake, folder)
    eventually(lambda: len(watchdogs()) == 3, "none of the old threads is left")


def test_a_death_that_nobody_told_of_is_found(tmp_path: Path, wake: Wake, events: Events) -> None:
    events.watch([place(tmp_path)])
    alive(InotifyFD).stop()
    eventually(lambda: len(watchdogs()) == 2, "the reader has ended")
    assert events.watch([place(tmp_path)]) == ""
    assert wake.take_lost()
    assert hears(wake, tmp_path)


def test_a_folder_that_goes_is_no_death(tmp_path: Path, wake: Wake, events: Events) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    events.watch([place(folder), place(tmp_path, deep=False)])
    folder.rmdir()
    eventually(lambda: len(watchdogs()) == 3, "the thread of that folder has ended")
    while wake.sleep(0.3):
        pass
    assert events.watch([place(tmp_path, deep=False)]) == ""
    assert (wake.take_lost(), events.take_notice()) == (False, "")


def test_a_watch_that_watchdog_has_forgotten_is_given_up_without_a_thread_left_over(
    tmp_path: Path, wake: Wake, events: Events
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    events.watch([place(folder), place(tmp_path, deep=False)])
    muddle(folder, tmp_path / "aside")
    assert events.watch([place(tmp_path, deep=False)]) == ""
    eventually(lambda: len(watchdogs()) == 3, "one folder, one reader, one observer")
    assert hears(wake, tmp_path)


@pytest.mark.parametrize("ruin", [muddle, deafen], ids=["muddled", "dead"])
def test_the_end_is_an_end_all_the_same(tmp_path: Path, wake: Wake, ruin: Callable[[Path, Path], None]) -> None:
    (tmp_path / "folder").mkdir()
    events = Events(wake)
    hook = threading.excepthook
    events.watch([place(tmp_path / "folder")])
    ruin(tmp_path / "folder", tmp_path / "aside")
    with ending_in(TIMEOUT_SECONDS):
        events.close()
    eventually(lambda: watchdogs() == [], "no thread is left")
    assert threading.excepthook is not hook


def test_threads_that_die_again_and_again_are_done_without_for_a_while(
    tmp_path: Path, wake: Wake, events: Events, seconds: Seconds
) -> None:
    for _ in range(MAX_DEATHS):
        assert events.watch([place(tmp_path)]) == ""
        killed(alive(InotifyFD), tmp_path / "file")
    assert events.watch([place(tmp_path)]) == (f"file system events stopped {MAX_DEATHS} times within 10 minutes")
    assert watchdogs() == []
    seconds.now += DEATH_WINDOW_SECONDS + 1
    assert events.watch([place(tmp_path)]) == ""
    assert hears(wake, tmp_path)


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_where_no_thread_can_be_started_it_polls(
    tmp_path: Path, events: Events, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One to try it, the reader, the observer, the first folder's, the second's."""
    (tmp_path / "folder").mkdir()
    name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
    real, tried = getattr(threading, name), []

    def start(*arguments: object, **named: object) -> object:
        tried.append(arguments)
        if len(tried) >= nth:
            raise RuntimeError("can't start new thread")
        return real(*arguments, **named)

    monkeypatch.setattr(threading, name, start)
    folders = [place(tmp_path), place(tmp_path / "folder")]
    assert events.watch(folders) == "the system does not report changes: can't start new thread"
    monkeypatch.undo()
    eventually(lambda: watchdogs() == [], "no thread is left")
    assert events.watch(folders) == ""


# The command


def attempted(session: Session, pid: int) -> bool:
    return (session.ours / "status.json").exists() and state(session)["pid"] == pid


@contextmanager
def listening(applied: Session) -> Iterator[Watcher]:
    """A watcher that watches every folder."""
    with watching(applied, *NO_INTERVAL) as watcher:
        watcher.said("Started")
        eventually(lambda: attempted(applied, watcher.process.pid), "its first attempt")
        yield watcher


def ended_well(watcher: Watcher, number: int = signal.SIGTERM, code: int = 0) -> None:
    assert watcher.end(number) == code
    assert watcher.told[-1] == "Stopped: stopped watching"
    assert watcher.process.stderr is not None
    assert watcher.process.stderr.read() == ""


def test_a_watcher_that_went_deaf_hears_again(applied: Session) -> None:
    with listening(applied) as watcher:
        deafen(applied.installed("foo").parent, applied.base / "aside")
        watcher.said("Notice", "file system events stopped")
        applied.package("foo", version="2.0.0")
        watcher.said("Applied", "update foo")
        assert state(applied)["triggers"] == "events"
        ended_well(watcher)


def test_what_was_changed_while_it_was_deaf_is_found(applied: Session) -> None:
    with listening(applied) as watcher:
        muddle(applied.installed("foo").parent, applied.base / "aside")
        (applied.base / "aside").rmdir()
        applied.package("foo", version="2.0.0")
        watcher.said("Applied", "update foo")


@pytest.mark.parametrize("ruin", [muddle, deafen], ids=["muddled", "dead"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["TERM", "INT"])
def test_a_watcher_ends_well_all_the_same(
    applied: Session, ruin: Callable[[Path, Path], None], number: int, code: int
) -> None:
    with listening(applied) as watcher:
        ruin(applied.installed("foo").parent, applied.base / "aside")
        ended_well(watcher, number, code)


KILLING = """\
import ctypes, os, sys, threading, time
from watchdog.utils import BaseThread
from reconciler.cli.app import main
stage = sys.argv.pop(1)
def kill():
    for one in [*threading.enumerate()]:
        if isinstance(one, BaseThread) and one.ident:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(one.ident), ctypes.py_object(KeyError))
def killing(owner, name):
    real, left = getattr(owner, name), [1]
    def around(*arguments, **options):
        if left and threading.current_thread() is threading.main_thread():
            left.pop()
            kill()
        answer = real(*arguments, **options)
        kill() if stage.endswith("after") and left == [] and not left.append(0) else None
        return answer
    setattr(owner, name, around)
from reconciler.loop import attempt, events, loop
from reconciler.loop.wake import Wake
killing(*{
    "starting": (events.Events, "watch"),
    "starting-after": (events.Events, "watch"),
    "looking": (loop.Lookout, "look"),
    "attempting": (attempt.WatchedPass, "attempt"),
    "sleeping": (Wake, "sleep"),
    "leaving": (loop.Loop, "_leave"),
    "closing": (events.Events, "close"),
}[stage])
main()
"""


STAGES = ["starting", "starting-after", "looking", "attempting", "sleeping", "leaving", "closing"]
SAMPLED = {"starting-after", "sleeping", "closing"}


@pytest.mark.parametrize("stage", [n if n in SAMPLED else pytest.param(n, marks=pytest.mark.long) for n in STAGES])
def test_its_threads_are_killed_at_every_stage(applied: Session, stage: str) -> None:
    with applied.python(KILLING, stage, "watch", "--json", "-q", *NO_INTERVAL) as process:
        watcher = Watcher(process)
        try:
            for number in (2, 3):
                applied.package("foo", version=f"{number}.0.0")
                watcher.said("Applied", "update foo", times=number - 1)
            ended_well(watcher)
        finally:
            process.kill()


def test_serve_watch_hears_again_and_ends_well(session: Session) -> None:
    put(session, 1)
    session.extensions("foo")
    session.llamagate("apply")
    with serving(session, "--watch") as (process, url), httpx2.Client(base_url=url, trust_env=False) as client:
        eventually(lambda: attempted(session, process.pid), "its first attempt")
        deafen(session.installed("foo").parent, session.base / "aside")
        put(session, 2)
        eventually(lambda: answered(client) == {"version": 2}, "the package's edit is served")
        muddle(session.installed("foo").parent, session.base / "aside")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Traceback" not in said
    assert said.endswith("llamagate: stopped watching\n")
