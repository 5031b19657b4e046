"""What a command does and how long each phase takes: for ``-vv`` and ``--log-file``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from msgspec import Struct, field

from reconciler.cli.ui.style import shown
from reconciler.errors import LlamagateError, StorageError

_FIRST_PHASE: Final = "start"
_MODE: Final = 0o600


class Log(Struct):
    """Lines of one command for ``file``, where there is one; phases also for ``tell``."""

    verb: str
    file: TextIO | None = None
    tell: Callable[[str], None] | None = None
    _name: str = _FIRST_PHASE
    _since: float = field(default_factory=time.monotonic)

    def phase(self, name: str) -> None:
        """``name`` begins, and what began before has ended."""
        now = time.monotonic()
        text, self._name, self._since = f"{now - self._since:.3f} s  {self._name}", name, now
        self.line(text)
        if self.tell is not None:
            self.tell(text)

    def line(self, text: str) -> None:
        """One thing that was said, with the time and the process. A file that cannot be written any more is left."""
        if self.file is None:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with suppress(OSError, ValueError):
            self.file.writelines(f"{at} {os.getpid()} {self.verb}: {shown(row)}\n" for row in text.splitlines())
            self.file.flush()


@contextmanager
def logging(verb: str, path: Path | None, tell: Callable[[str], None] | None) -> Iterator[Log]:
    """The log of a command, until it ends. ``StorageError`` where the file cannot be opened."""
    file = _opened(path) if path else None
    log = Log(verb, file, tell)
    try:
        yield log
    except LlamagateError as error:
        log.line(f"error {error.code}: {error.message}")
        raise
    except BaseException as error:
        log.line(f"ended by {type(error).__qualname__}")
        raise
    finally:
        log.phase("")
        if file:
            with suppress(OSError):
                file.close()


def _opened(path: Path) -> TextIO:
    """It holds paths and ids, and is its owner's alone, as far as it is new."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123 - until the end
    except OSError as error:
        message = f"{path}: the log cannot be written: {error.strerror}"
        raise StorageError(message, advice="name another file with --log-file") from error
