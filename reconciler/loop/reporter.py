"""Where the watcher's reports go: people, an event log, ``status.json``, metrics, the service manager."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.errors import LlamagateError
from reconciler.fs import durable
from reconciler.fs.presence import is_file
from reconciler.loop.news import Event
from reconciler.loop.systemd import ServiceManager
from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.watched import Watched
from reconciler.store.write import write

MAX_LOG_BYTES: Final = 10 << 20
"""From this size on an event log is full. The full one is kept too, so the disk needs room for two."""


class Reporter(Struct):
    """``speak`` tells a person one line, ``emit`` gives a program one event. Nothing here stops the loop.

    ``event_log`` gets each event as a line of JSON, and is set aside when it is full; ``metrics_file`` is
    replaced after each attempt by what ``figures`` gives.
    """

    home: Home
    speak: Callable[[str], None]
    emit: Callable[[JsonObject], None]
    manager: ServiceManager = field(default_factory=ServiceManager)
    event_log: Path | None = None
    metrics_file: Path | None = None
    figures: Callable[[], str] = lambda: ""
    _complained: set[str] = field(default_factory=set)

    def event(self, at: str, event: Event) -> None:
        """Tell of ``event``; ``at`` is a time as the registry writes it."""
        document: JsonObject = {
            "at": at,
            "event": event.name,
            "reason": event.reason or event.name,
            "message": event.message,
            "generation": event.generation,
        }
        self.speak(event.message)
        self.emit(document)
        if self.event_log is not None:
            self._try(self.event_log, lambda log: _append(log, document))

    def status(self, watched: Watched) -> None:
        """How things stand now."""
        text = json.dumps(watched.to_document(), indent=2, ensure_ascii=False) + "\n"
        self._try(self.home.status, lambda path: write(path, text.encode("utf-8", "backslashreplace")))
        if self.metrics_file is not None:
            self._try(
                self.metrics_file,
                lambda path: durable.write_file(path, self.figures().encode("utf-8", "backslashreplace"), sync=False),
            )
        if (last := watched.attempted) is not None:
            self.manager.tell(f"STATUS={last.result}: {last.message}".replace("\n", " "))

    def _try(self, path: Path, do: Callable[[Path], object]) -> None:
        """Do it; where that fails, say so once for each way in which it fails."""
        try:
            do(path)
        except (OSError, LlamagateError) as error:
            why = error.message if isinstance(error, LlamagateError) else f"{path}: {error.strerror or error}"
            if why not in self._complained:
                self._complained.add(why)
                self.speak(why)


def _append(log: Path, document: JsonObject) -> None:
    """Opened each time: a log that was moved away begins again. A full one is moved away first, over the one before."""
    real = Path(os.path.realpath(log))
    if is_file(real) and real.stat().st_size >= MAX_LOG_BYTES:
        real.replace(real.with_name(f"{real.name}.1"))
    with log.open("a", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(json.dumps(document, ensure_ascii=False) + "\n")
