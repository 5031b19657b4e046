"""``llamagate list``: what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.item import TYPES
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.table import table
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject
from reconciler.model.ids import Kind
from reconciler.observe.items import ListedItem
from reconciler.queries.list import read_list

_SERVE_ONLY: Final = "serve only"


def list_(
    invocation: Invocation,
    types: Annotated[
        str | None, typer.Argument(metavar="[TYPES]", help="extensions (ext) or agentic-modules (modules, am).")
    ] = None,
) -> int:
    """List what is installed, also by other programs.

    Example: llamagate list
    Example: llamagate list extensions --json
    Exit codes: 0, 1
    """
    if types is not None and types not in TYPES:
        raise UsageError(f"'{types}' is not a type; use extensions or agentic-modules")
    items = read_list(invocation.env, invocation.named_file)
    shown = [item for item in items if types is None or item.key.kind is TYPES[types]]
    document: JsonObject = {"items": [item.to_document() for item in shown]}
    return invocation.answer(document, render_list(shown, invocation.terminal.style))


def render_list(items: Sequence[ListedItem], style: Style) -> str:
    """A table of the items."""
    if not items:
        return "Nothing is installed."
    heads = ("KIND", "ID", "VERSION", "ENABLED", "OWNER", "STATE", "SOURCE")
    note = f"{_SERVE_ONLY}: 'llamagate serve' runs it; a gateway does not"
    return "\n".join([table([heads, *map(_row, items)], style), *([note] if any(map(_is_serve_only, items)) else [])])


def _is_serve_only(item: ListedItem) -> bool:
    """Whether no gateway runs it: those with extensions load none in the task dialect, and run no installed module."""
    return item.state == "installed" and (not item.loadable or item.key.kind is Kind.MODULE)


def _row(item: ListedItem) -> tuple[str, ...]:
    state = _SERVE_ONLY if _is_serve_only(item) else item.state
    enabled = "yes" if item.enabled else "no"
    owner, source = item.owner or "-", item.source or "-"
    return str(item.key.kind), item.key.id, item.version or "-", enabled, owner, state, source
