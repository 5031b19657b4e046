"""A watcher as a process of its own, and what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tests.cli.shell import Session

PATIENCE_SECONDS: Final = 60
"""How long a test waits for what must happen: no result depends on it, it only ends a test that fails."""


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until ``holds``."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.02)


@dataclass
class Watcher:
    """``events`` are those that it has printed so far."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def said(self, event: str, text: str = "", *, times: int = 1) -> None:
        """Wait until it has said that."""

        def is_said() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended: {self.process.stderr.read() if self.process.stderr else ''}")
            return len([one for one in self.events if one["event"] == event and text in one["message"]]) >= times

        try:
            eventually(is_said, f"{event} {text}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told}") from error

    @property
    def told(self) -> list[str]:
        """Each event in short."""
        return [f"{one['event']}: {one['message']}" for one in self.events]

    def count(self, event: str) -> int:
        return sum(one["event"] == event for one in self.events)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return code


@contextmanager
def watching(session: Session, *arguments: object, **options: Any) -> Iterator[Watcher]:
    """A watcher that runs for the ``with`` block."""
    with session.process("watch", "--json", "-q", *arguments, **options) as process:
        watcher = Watcher(process)
        try:
            yield watcher
        finally:
            process.kill()
            watcher._reader.join(PATIENCE_SECONDS)


def state(session: Session) -> Any:
    """What ``status.json`` says."""
    return json.loads((session.ours / "status.json").read_bytes())


def condition(session: Session, aspect: str) -> tuple[str, str]:
    """Status and reason of a condition; empty where nothing is known of it yet."""
    found = [one for one in state(session)["conditions"] if one["type"] == aspect]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")
