"""Triggers from the file system, by watchdog. Where there can be none, it says why, and the loop polls instead."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import PurePath
from typing import Final

from watchdog import events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.utils import BaseThread

from reconciler.fs.probe import can_watch_more, network_filesystem
from reconciler.loop import observer as observers
from reconciler.loop.folders import WatchedFolder
from reconciler.loop.wake import Wake

_CHANGES: Final[list[type[FileSystemEvent]]] = [
    events.DirAttribEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
    events.FileAttribEvent,
    events.FileClosedEvent,
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
]
"""Reading is none of them: a look would wake the one who looks."""


class _EventHandler(FileSystemEventHandler):
    """Notes in ``gone`` that the folder itself was removed: another one at its path may get its inode."""

    def __init__(self, wake: Wake, folder: WatchedFolder, gone: set[WatchedFolder]) -> None:
        self._wake, self._folder, self._gone = wake, folder, gone

    def on_any_event(self, event: FileSystemEvent) -> None:
        paths = {PurePath(os.fsdecode(path)) for path in (event.src_path, event.dest_path)}
        is_gone = event.event_type == events.EVENT_TYPE_DELETED and self._folder.path in paths
        if is_gone:
            self._gone.add(self._folder)
        if is_gone or not self._folder.only or self._folder.only.intersection(path.name for path in paths):
            self._wake.trigger()


class _Losses(logging.Handler):
    """Watchdog says in its log alone that the system's queue ran over, or that a folder was not taken."""

    def __init__(self, wake: Wake) -> None:
        super().__init__(logging.WARNING)
        self._wake = wake

    def emit(self, _record: logging.LogRecord) -> None:
        self._wake.lost()


MAX_DEATHS: Final = 3
DEATH_WINDOW_SECONDS: Final = 600.0
"""Where so many observers died within that time, none is made: it polls."""


class Events:
    """Watches folders and wakes the loop. ``clock`` counts seconds."""

    def __init__(self, wake: Wake, clock: Callable[[], float] = time.monotonic) -> None:
        self.wake, self._clock = wake, clock
        self._observer: BaseObserver | None = None
        self._watches: dict[WatchedFolder, ObservedWatch] = {}
        self._gone: set[WatchedFolder] = set()
        self._cause = self._notice = ""
        self._deaths: list[float] = []
        self._losses = _Losses(wake)
        log = logging.getLogger("watchdog")
        log.addHandler(self._losses)
        log.propagate = False
        self._other_hook, threading.excepthook = threading.excepthook, self._thread_failed

    def watch(self, folders: Iterable[WatchedFolder]) -> str:
        """Watch exactly these folders from now on. Why that cannot be done, or nothing; then no folder is watched."""
        wanted = frozenset(folders)
        network = next((kind for folder in wanted if (kind := network_filesystem(folder.path))), None)
        if network is not None:
            return self._give_up(f"{network} is a network file system, which does not report changes")
        self._end_if_deaf()
        if len(self._deaths) >= MAX_DEATHS:
            return self._give_up(f"file system events stopped {MAX_DEATHS} times within 10 minutes")
        try:
            self._change_to(wanted)
        except (OSError, RuntimeError) as error:  # RuntimeError: the system gives no more threads
            return self._give_up(f"the system does not report changes: {getattr(error, 'strerror', None) or error}")
        if not can_watch_more():
            return self._give_up("the system cannot watch more folders: raise fs.inotify.max_user_watches")
        return ""

    def take_notice(self) -> str:
        """What happened to the events since this was asked last, for people; empty where nothing did."""
        notice, self._notice = self._notice, ""
        return notice

    def close(self) -> None:
        """Watch nothing any more."""
        self._give_up("")
        threading.excepthook = self._other_hook
        logging.getLogger("watchdog").removeHandler(self._losses)

    def _thread_failed(self, failed: threading.ExceptHookArgs, /) -> None:
        """A thread of this process ends by an error: called in that thread."""
        if not isinstance(failed.thread, BaseThread):
            self._other_hook(failed)
        elif self._observer is not None and failed.thread in observers.threads_of(self._observer):
            self._cause = f"{failed.exc_type.__name__} in watchdog"
            self.wake.lost()

    def _end_if_deaf(self) -> None:
        now, observer = self._clock(), self._observer
        self._deaths = [moment for moment in self._deaths if moment > now - DEATH_WINDOW_SECONDS]
        if observer is None or not (self._cause or observers.is_deaf(observer)):
            return
        if not self._cause:
            self.wake.lost()  # nobody has said so yet
        self._notice = f"file system events stopped ({self._cause or 'a thread ended'}); checking everything"
        self._deaths.append(now)
        self._give_up("")

    def _change_to(self, wanted: frozenset[WatchedFolder]) -> None:
        if self._observer is None:
            self._observer = observers.started()
        gone = frozenset(self._gone)
        self._gone -= gone  # in place: the handlers go on adding to it
        for folder in self._watches.keys() - (wanted - gone):
            observers.unwatch(self._observer, self._watches.pop(folder))
        for folder in wanted - self._watches.keys():
            handler = _EventHandler(self.wake, folder, self._gone)
            with suppress(FileNotFoundError, NotADirectoryError):  # gone meanwhile; its parent tells
                self._watches[folder] = self._observer.schedule(
                    handler, str(folder.path), recursive=folder.deep, event_filter=_CHANGES
                )

    def _give_up(self, reason: str) -> str:
        if self._observer is not None:
            observers.end(self._observer)
        self._observer, self._watches, self._cause = None, {}, ""
        return reason
