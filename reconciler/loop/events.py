"""Triggers from the file system, by watchdog. Where there can be none, it says why, and the loop polls instead."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from reconciler.fs.probe import can_watch_more, network_filesystem
from reconciler.loop.places import Place
from reconciler.loop.wake import Wake

_CHANGES: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
"""Reading is none of them: a look would wake the one who looks."""


class _Handler(FileSystemEventHandler):
    def __init__(self, wake: Wake, only: frozenset[str]) -> None:
        self._wake = wake
        self._only = only

    def on_any_event(self, event: FileSystemEvent) -> None:
        names = {PurePath(str(path)).name for path in (event.src_path, event.dest_path)}
        if not self._only or names & self._only:
            self._wake.trigger()


class _Losses(logging.Handler):
    """Watchdog says in its log alone that the system's queue ran over, or that a folder was not taken."""

    def __init__(self, wake: Wake) -> None:
        super().__init__(logging.WARNING)
        self._wake = wake

    def emit(self, _record: logging.LogRecord) -> None:
        self._wake.lost()


@dataclass(slots=True)
class Events:
    """Watches folders and wakes the loop."""

    wake: Wake
    _observer: BaseObserver | None = None
    _watches: dict[Place, ObservedWatch] = field(default_factory=dict)
    _losses: _Losses = field(init=False)

    def __post_init__(self) -> None:
        self._losses = _Losses(self.wake)
        log = logging.getLogger("watchdog")
        log.addHandler(self._losses)
        log.propagate = False

    def follow(self, places: Iterable[Place]) -> str:
        """Watch exactly these folders from now on. Why that cannot be done, or nothing; then no folder is watched."""
        wanted = frozenset(places)
        network = next((kind for place in wanted if (kind := network_filesystem(place.path))), None)
        if network is not None:
            return self._give_up(f"{network} is a network file system, whose changes nobody tells")
        try:
            self._watch(wanted)
        except OSError as error:
            return self._give_up(f"the system gives no events: {error.strerror or error}")
        if not can_watch_more():
            return self._give_up("the system watches no more folders: raise fs.inotify.max_user_watches")
        return ""

    def close(self) -> None:
        """Watch nothing any more."""
        self._give_up("")
        logging.getLogger("watchdog").removeHandler(self._losses)

    def _watch(self, wanted: frozenset[Place]) -> None:
        if self._observer is None:
            self._observer = Observer()
            self._observer.start()
        for place in self._watches.keys() - wanted:
            with suppress(KeyError, OSError):  # the folder may be gone
                self._observer.unschedule(self._watches.pop(place))
        for place in wanted - self._watches.keys():
            with suppress(FileNotFoundError, NotADirectoryError):  # gone meanwhile; its parent tells
                self._watches[place] = self._observer.schedule(
                    _Handler(self.wake, place.only), str(place.path), recursive=place.deep, event_filter=_CHANGES
                )

    def _give_up(self, reason: str) -> str:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        self._observer, self._watches = None, {}
        return reason
