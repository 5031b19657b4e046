"""``llamagate history``: the generations that are kept."""

from __future__ import annotations

from typing import Final

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import moment
from reconciler.model.generation import Unreadable
from reconciler.queries.history import History, HistoryEntry, read_history

_MAX_CHANGES: Final = 20

_UNREADABLE: Final = {
    "damaged": "damaged: its document is not what was written",
    "newer": "a newer llamagate wrote it; use that version",
}


def history(invocation: Invocation) -> int:
    """List the generations, newest first, and what each one changed.

    Every change makes a generation. 'rollback --to N' goes back to one of them.

    Example: llamagate history
    Exit codes: 0, 1, 7, 8
    """
    found = read_history(invocation.env)
    return invocation.answer(found.to_document(), render_history(found, invocation.terminal.style))


def render_history(history: History, style: Style) -> str:
    """A line for each generation, and below it what it changed."""
    if not history.entries:
        return "No generations yet: nothing was applied to this home."
    lines = []
    for entry in history.entries:
        lines.append(style.paint(_generation(entry, history.generation), "bold"))
        changes = ("what it changed is no longer known",) if entry.changes is None else entry.changes
        lines += [f"      {line}" for line in changes[:_MAX_CHANGES]]
        if len(changes) > _MAX_CHANGES:
            lines.append(f"      … and {len(changes) - _MAX_CHANGES} more (--json shows all)")
    return "\n".join(lines)


def _generation(entry: HistoryEntry, current: int) -> str:
    one = entry.generation
    if isinstance(one, Unreadable):
        return f"{entry.number:>4}  ({_UNREADABLE[one]})"
    back = f"  (the list of generation {one.list_of} again)" if one.list_of != one.number else ""
    force = "  current" if one.number == current else ""
    return f"{one.number:>4}  {moment(one.applied_at)}  {one.command}{back}{force}"
