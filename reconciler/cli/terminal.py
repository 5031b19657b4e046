"""Where output goes: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Final, TextIO

from reconciler.cli.style import Style
from reconciler.model.config import JsonObject

_PROGRESS_AFTER_SECONDS: Final = 0.5
_PROGRESS_EVERY_SECONDS: Final = 0.1


@dataclass(slots=True)
class Terminal:
    """One command's output. With ``as_json`` only ``document`` writes to standard output."""

    as_json: bool = False
    quiet: bool = False
    no_color: bool = False
    _started: float = field(default_factory=time.monotonic)
    _shown_at: float = 0.0

    @property
    def style(self) -> Style:
        """Colours for standard output, if it is a terminal."""
        return _style(sys.stdout, self.no_color)

    @property
    def error_style(self) -> Style:
        return _style(sys.stderr, self.no_color)

    def result(self, text: str) -> None:
        """Show a result to a person."""
        if text and not self.as_json and not self.quiet:
            self._clear()
            sys.stdout.write(text + "\n")

    def document(self, document: JsonObject) -> None:
        """Print the one JSON document, where it is wanted."""
        if self.as_json:
            self._clear()
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def error(self, text: str) -> None:
        """Tell a person what failed, however quiet they want it."""
        self._clear()
        sys.stderr.write(text + "\n")

    def notice(self, line: str) -> None:
        """Tell a person something in passing."""
        if not self.quiet:
            self._clear()
            sys.stderr.write(f"llamagate: {line}\n")
            sys.stderr.flush()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far long work is, on a terminal only."""
        now = time.monotonic()
        if self.quiet or not sys.stderr.isatty() or now - self._started < _PROGRESS_AFTER_SECONDS:
            return
        if done == total:
            self._clear()
        elif now - self._shown_at >= _PROGRESS_EVERY_SECONDS:
            self._shown_at = now
            sys.stderr.write(f"\r\x1b[K{what} {done} of {total}")
            sys.stderr.flush()

    def _clear(self) -> None:
        if self._shown_at:
            self._shown_at = 0.0
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _style(stream: TextIO, no_color: bool) -> Style:
    return Style(colours=stream.isatty() and not no_color)
