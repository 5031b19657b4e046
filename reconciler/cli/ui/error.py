"""A failure: as text for people, and as the document of ``--json``."""

from __future__ import annotations

from reconciler.cli.ui.style import PLAIN, Style
from reconciler.errors import LlamagateError
from reconciler.model.config import JsonObject


def render_error(error: LlamagateError, style: Style = PLAIN) -> str:
    """What happened, where, and what to do next. A fault that ends the line above it is not said again."""
    lines = [f"{style.paint('llamagate:', 'red')} {error.message}"]
    for fault in error.faults:
        if str(fault) not in error.message and not lines[-1].endswith(str(fault)):
            lines.append(f"  {fault}")
    if error.advice:
        lines.append(f"  → {error.advice}")
    return "\n".join(lines)


def error_document(error: LlamagateError) -> JsonObject:
    """The document of ``--json`` for a failure."""
    message = f"{error.message}; {error.advice}" if error.advice else error.message
    parts = ("file", "line", "column", "path", "message")
    return failure_document(
        error.code, message, *({part: getattr(fault, part) for part in parts} for fault in error.faults)
    )


def failure_document(code: str, message: str, *faults: JsonObject) -> JsonObject:
    """The document of whatever failed."""
    return {"error": {"code": code, "message": message, "faults": [*faults]}}
