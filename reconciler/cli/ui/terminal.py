"""Where output goes: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.cli import boot
from reconciler.cli.ui.style import Style, json_shown, shown
from reconciler.errors import StorageError
from reconciler.model.config import JsonObject

if TYPE_CHECKING:
    from reconciler.cli.ui.progress import Report

_PROGRESS_AFTER_SECONDS: Final = 0.5
_USUAL_COLUMNS: Final = 80
_DIGITS: Final = 5
"""As many digits no width has."""


class Terminal(Struct):
    """One command's output. With ``as_json`` only ``document`` writes to standard output.

    ``colours`` is ``None`` where only a terminal gets them.
    """

    as_json: bool = False
    quiet: bool = False
    colours: bool | None = None
    log: Callable[[str], None] | None = None
    """Takes all that is said in passing, too."""
    variables: Mapping[str, str] = field(default_factory=dict)
    is_paged: bool = True
    """Whether a long result goes through a pager, on a terminal."""
    _started: float = field(default_factory=time.monotonic)
    _report: Report | None = None

    @property
    def style(self) -> Style:
        """Colours and width for standard output, if it is a terminal, or is to be written as for one."""
        is_for_terminal = self.colours is True or sys.stdout.isatty()
        width = (self.columns or 0) if is_for_terminal else 0
        return replace(_style(sys.stdout, self.colours), width=width)

    @property
    def error_style(self) -> Style:
        return _style(sys.stderr, self.colours)

    @property
    def columns(self) -> int | None:
        """How many columns standard output has, as COLUMNS or the terminal says; ``None`` where it is no terminal."""
        return self._columns_of(sys.stdout)

    def _columns_of(self, stream: TextIO) -> int | None:
        said = self.variables.get("COLUMNS", "")
        if said.isdecimal() and len(said) < _DIGITS and int(said):
            return int(said)
        try:
            return os.get_terminal_size(stream.fileno()).columns or None
        except (OSError, ValueError):  # it is no terminal
            return None

    def result(self, text: str) -> None:
        """Show a result to a person."""
        if text and not self.as_json and not self.quiet:
            self._clear()
            _to_stdout(shown(text) + "\n")

    def long_result(self, text: str) -> None:
        """Show a result that may be long: on a terminal, page by page."""
        if not (self.is_paged and text and sys.stdout.isatty()) or self.as_json or self.quiet:
            self.result(text)
            return
        from reconciler.cli.ui.pager import page, pager_of  # only a terminal needs them

        self._clear()
        command = pager_of(self.variables)
        if not command or not page(f"{shown(text)}\n", command, self.variables):
            self.result(text)

    def document(self, document: JsonObject) -> None:
        """Print the one JSON document, where it is wanted."""
        if self.as_json:
            boot.ignore_ctrl_c()
            self._clear()
            _to_stdout(json_shown(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")

    def line(self, document: JsonObject) -> None:
        """Print a JSON document as one line, at once. That nobody reads it is no reason to leave what is being done."""
        with suppress(StorageError):
            _to_stdout(json_shown(json.dumps(document, ensure_ascii=False)) + "\n", flush=True)

    def error(self, text: str) -> None:
        """Tell a person what failed, however quiet they want it."""
        self._tell(text)

    def notice(self, line: str) -> None:
        """Tell a person something in passing."""
        if self.log is not None:
            self.log(line)
        if not self.quiet:
            self._tell(f"llamagate: {line}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far long work is: on a terminal in a line that is wiped, elsewhere in a line every few seconds."""
        now = time.monotonic()
        if self.quiet or now - self._started < _PROGRESS_AFTER_SECONDS:
            return
        if self._report is None:
            from reconciler.cli.ui.progress import Report  # most commands end before anybody waits

            columns = self._columns_of(sys.stderr) or _USUAL_COLUMNS
            is_terminal = sys.stderr.isatty()
            self._report = Report(columns, self.error_style.colours, is_terminal)
        self._report.tell(what, done, total, now)

    def _tell(self, text: str) -> None:
        self._clear()
        _to_stderr(shown(text) + "\n")

    def _clear(self) -> None:
        if self._report is not None:
            self._report.clear()


def flush_output() -> None:
    """Show what was said so far: now comes a long wait."""
    with suppress(StorageError):
        _to_stdout("", flush=True)


def finish_output() -> None:
    """Write what is still buffered. ``StorageError`` where that cannot be done."""
    _to_stdout("", flush=True)


def silence(stream: TextIO) -> None:
    """From now on nothing arrives, and nothing fails, not even when the interpreter ends and writes what is left."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _to_stdout(text: str, *, flush: bool = False) -> None:
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)  # the reader of our output had enough: that is no failure
    except OSError as error:
        silence(sys.stdout)
        message = f"standard output: {error.strerror}; the command itself succeeded"
        raise StorageError(message) from error


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)  # nobody listens: no reason to leave what is being done


def _style(stream: TextIO, colours: bool | None) -> Style:
    return Style(colours=stream.isatty() if colours is None else colours)
