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
from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, StorageError
from reconciler.model.regex import regex

_FIRST_PHASE: Final = "start"
_MODE: Final = 0o600
_LINE: Final = regex(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T")
_START_BYTES: Final = 16
_ANOTHER: Final = "name another file with --log-file"


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
    """It holds paths and ids, and is its owner's alone, as far as it is new. A pipe without a reader does not block."""
    if not _is_log(path):
        raise InputError(
            f"{path} is not a log of llamagate, so it is not changed", advice=_ANOTHER, code=ErrorCode.EXISTS
        )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, _MODE)
        os.set_blocking(descriptor, True)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123 - until the end
    except OSError as error:
        raise StorageError(f"{path}: the log cannot be written: {error.strerror}", advice=_ANOTHER) from error


def _is_log(path: Path) -> bool:
    """Whether the file is new, empty, or begins as our lines do: a desired state is one forgotten word away."""
    if not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    except OSError:
        return True
    return not start or _LINE.match(start) is not None
