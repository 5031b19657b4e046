"""A failure: as text for people, and as the document of ``--json``."""

from __future__ import annotations

from typing import Final

from reconciler.cli.ui.style import PLAIN, Style
from reconciler.cli.ui.width import width_of
from reconciler.codes import ErrorCode
from reconciler.errors import ExitCode, Fault, LlamagateError
from reconciler.model.config import JsonObject

_MOST_FAULTS: Final = 40
"""As many of drift, refusals and warnings of a plan are shown."""
_SHOWN_CHARACTERS: Final = 100
"""Of a line: longer ones are cut around the place that is meant."""


def render_error(error: LlamagateError, style: Style = PLAIN, *, with_source: bool = False) -> str:
    """What happened, where, and what to do next. A fault that ends the line above it is not said again.

    ``with_source``: below each fault is its line of the file, with a caret.
    """
    lines = [f"{style.paint('llamagate:', 'red')} {error.message}"]
    for fault in error.faults[:_MOST_FAULTS]:
        if str(fault) not in error.message and not lines[-1].endswith((f" {fault}", f" ./{fault}")):
            lines.append(f"  {fault}")
        if with_source:
            lines += source_lines(fault, style)
    if (more := len(error.faults) - _MOST_FAULTS) > 0:
        lines.append(f"  … and {more} more (--json has all)")
    if error.advice:
        lines.append(f"  → {error.advice}")
    return "\n".join(lines)


def source_lines(fault: Fault, style: Style) -> list[str]:
    """The line of a fault, and a caret below the column. Nothing of it can steer a terminal."""
    if fault.source is None or fault.line is None or fault.column is None or not fault.source.strip():
        return []
    at = min(fault.column - 1, len(fault.source))
    start = max(0, at - _SHOWN_CHARACTERS // 2)
    text = fault.source[start : start + _SHOWN_CHARACTERS]
    before, behind = _printable(text[: at - start]), _printable(text[at - start :])
    number = f"{fault.line} | "
    return [
        f"    {style.paint(number, 'dim')}{before}{behind}",
        " " * (4 + len(number) + width_of(before)) + style.paint("^", "red"),
    ]


def _printable(text: str) -> str:
    """``text`` with each tab as an arrow, so that one can be seen, and what cannot be printed as a question mark."""
    return "".join("→" if c == "\t" else c if c.isprintable() else "?" for c in text)


def error_document(error: LlamagateError) -> JsonObject:
    """The document of ``--json`` for a failure."""
    message = f"{error.message}; {error.advice}" if error.advice else error.message
    parts = ("code", "file", "line", "column", "path", "message")
    faults = ({part: getattr(fault, part) for part in parts} for fault in error.faults)
    outcome: JsonObject = {"outcome": "rolled-back"} if error.exit_code is ExitCode.ROLLED_BACK else {}
    return outcome | failure_document(error.code, message, *faults)


def failure_document(code: ErrorCode, message: str, *faults: JsonObject) -> JsonObject:
    """The document of whatever failed."""
    return {"error": {"code": code, "message": message, "faults": [*faults]}}
