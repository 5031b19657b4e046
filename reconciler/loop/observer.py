"""The threads of one observer of watchdog: whether they live, and how they end.

Watchdog keeps books of the folders that it watches, and its books may be wrong: a folder that is moved away, made again
and removed is a ``KeyError``, in whichever thread comes upon it. A thread that has died of that says nothing, and
the observer is deaf.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, EventEmitter, ObservedWatch
from watchdog.utils import BaseThread

_STOP_SECONDS: Final = 2.0
_MAX_WRONG_WATCHES: Final = 10_000


def started() -> BaseObserver:
    """A new observer. Raises ``OSError`` or, where the system gives no threads, ``RuntimeError``."""
    probe = threading.Thread(target=lambda: None)
    probe.start()  # first: where watchdog fails to start one, it loses descriptors
    probe.join()
    observer = Observer()
    try:
        observer.start()
    except RuntimeError:
        end(observer)
        raise
    return observer


def threads_of(observer: BaseObserver) -> Iterator[BaseThread]:
    """The observer, the thread of each folder, and what else it holds, such as the one that reads from the system."""
    yield observer
    yield from [*observer.emitters]
    yield from (value for value in vars(observer).values() if isinstance(value, BaseThread))


def is_deaf(observer: BaseObserver) -> bool:
    """Whether a thread has ended. That of a folder that was removed may: it stops itself."""
    return any(not (thread.is_alive() or _was_stopped(thread)) for thread in threads_of(observer))


def _was_stopped(thread: BaseThread) -> bool:
    return isinstance(thread, EventEmitter) and not thread.should_keep_running()


def unwatch(observer: BaseObserver, watch: ObservedWatch) -> None:
    """Watch that folder no more; it may be gone already."""
    for emitter in [*observer.emitters]:
        if emitter.watch == watch:
            _stop_emitter(emitter)
    with suppress(KeyError, OSError):
        observer.unschedule(watch)


def end(observer: BaseObserver) -> None:
    """End its threads, but wait for no more than a moment: one that does not end is a daemon, and left behind."""
    ending = threading.Thread(target=_end, args=(observer,), daemon=True)
    try:
        ending.start()
    except RuntimeError:  # no thread can be started
        _end(observer)
    else:
        ending.join(_STOP_SECONDS)


def _end(observer: BaseObserver) -> None:
    """Whatever is wrong in its books; ``stop`` of the observer alone would wait for a thread that has not ended."""
    for emitter in [*observer.emitters]:
        _stop_emitter(emitter)
    for thread in [*threads_of(observer)][::-1]:
        with suppress(Exception):
            thread.stop()
        with suppress(RuntimeError):  # it was never started
            thread.join(_STOP_SECONDS)


def _stop_emitter(emitter: EventEmitter) -> None:
    """Stop it in spite of wrong books: each error drops one wrong watch, and would leave its thread waiting."""
    watches = vars(emitter).get("_inotify")
    for _ in range(_MAX_WRONG_WATCHES):
        try:
            emitter.stop()
        except KeyError:
            vars(emitter)["_inotify"] = watches  # which it has forgotten, though they are not ended
        else:
            return
