"""``llamagate history``: the generations that are kept."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.facts import facts, part, wrapped
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import moment
from reconciler.documents.unseen import visible
from reconciler.model.generation import Unreadable
from reconciler.queries.history import (
    GenerationShown,
    History,
    HistoryEntry,
    SinceItem,
    read_generation_shown,
    read_history,
)

_MAX_CHANGES: Final = 20

_UNKNOWN: Final = ("what it changed is no longer known",)
_REPAIRED: Final = (
    "no item changed: files or the registry were repaired, or a value from a variable or a file changed",
)
_UNREADABLE: Final = {
    "damaged": "damaged: its document is not what was written",
    "newer": "a newer llamagate wrote it; use that version",
}


def history(
    invocation: Invocation,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[N]", min=1, show_default=False, help="Only this generation, with its items."),
    ] = None,
) -> int:
    """List the generations, newest first, and what each one changed.

    Every change makes a generation. 'rollback --to N' goes back to one of them.
    With N: its items, and since when each is as it is.

    Example: llamagate history
    Example: llamagate history 3
    Exit codes: 0, 1, 7, 8
    """
    style = invocation.terminal.style
    if number is not None:
        shown = read_generation_shown(invocation.env, number)
        return invocation.answer(shown.to_document(), render_generation(shown, style))
    found = read_history(invocation.env)
    return invocation.answer(found.to_document(), render_history(found, style), is_long=True)


def render_history(history: History, style: Style) -> str:
    """A line for each generation, and below it why it was made and what it changed."""
    if not history.entries:
        return "No generations yet: nothing was applied to this home."
    lines = []
    for entry in history.entries:
        lines.append(style.paint(_generation(entry, history.generation), "bold"))
        if not isinstance(entry.generation, Unreadable) and entry.generation.message:
            why = wrapped(visible(entry.generation.message.splitlines()[0]).text, style, indent=6)
            lines += [f"      {line}" for line in why]
        changes = _UNKNOWN if entry.changes is None else entry.changes or _REPAIRED
        lines += [f"      {line}" for line in changes[:_MAX_CHANGES]]
        if len(changes) > _MAX_CHANGES:
            lines.append(f"      … and {len(changes) - _MAX_CHANGES} more (--json shows all)")
    return "\n".join(lines)


def _generation(entry: HistoryEntry, current: int) -> str:
    one = entry.generation
    if isinstance(one, Unreadable):
        return f"{entry.number:>4}  ({_UNREADABLE[one]})"
    by = f"  by {visible(one.user).text}" if one.user else ""
    force = "  current" if one.number == current else ""
    return f"{one.number:>4}  {moment(one.applied_at)}  {one.command}{by}{_list_of(entry)}{force}"


def _list_of(entry: HistoryEntry) -> str:
    one = entry.generation
    is_other = not isinstance(one, Unreadable) and one.list_of != one.number
    return f"  (the list of generation {one.list_of} again)" if is_other else ""  # type: ignore[union-attr]


def render_generation(shown: GenerationShown, style: Style) -> str:
    """The page of one generation."""
    one, number = shown.generation, shown.generation.number
    force = "  current" if number == shown.current else ""
    rows = [
        ("when", moment(one.applied_at)),
        ("by", visible(one.user).text),
        ("command", one.command),
        ("why", visible(one.message).text),
    ]
    changes = ("what it changed is no longer known",) if shown.entry.changes is None else shown.entry.changes
    width = max((len(one.item.key.id) for one in shown.items), default=0)
    compare = f"'llamagate diff @{shown.before} @{number}' shows what changed inside" if shown.before else ""
    back = f"'llamagate rollback --to {number}' goes back to it" if number != shown.current else ""
    return "\n".join(
        [
            style.paint(f"Generation {number}{_list_of(shown.entry)}{force}", "bold"),
            *facts(rows, style),
            *part(
                "Changes",
                changes or ("none: a repair, the registry alone, or a value from a variable or a file",),
                style,
            ),
            *part("Items", (_item(one, width) for one in shown.items), style),
            *part("Next", [line for line in (compare, back) if line], style),
        ]
    )


def _item(one: SinceItem, width: int) -> str:
    disabled = "" if one.item.enabled else "  disabled"
    return f"{one.item.key.id:<{width}}  {one.item.version}  since generation {one.since}{disabled}"
