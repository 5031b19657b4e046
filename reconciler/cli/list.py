"""``llamagate list``: what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.item import TYPES
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.table import table
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject
from reconciler.observe.items import ListedItem
from reconciler.queries.list import read_list


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
    items = read_list(invocation.env, invocation.file)
    shown = [item for item in items if types is None or item.key.kind is TYPES[types]]
    document: JsonObject = {"items": [item.to_document() for item in shown]}
    return invocation.answer(document, render_list(shown, invocation.terminal.style))


def render_list(items: Sequence[ListedItem], style: Style) -> str:
    """A table of the items."""
    if not items:
        return "Nothing is installed."
    heads = ("KIND", "ID", "VERSION", "ENABLED", "OWNER", "STATE", "SOURCE")
    return table([heads, *map(_row, items)], style)


def _row(item: ListedItem) -> tuple[str, ...]:
    state = item.state if item.loadable or item.state != "installed" else "not loadable"
    enabled = "yes" if item.enabled else "no"
    owner, source = item.owner or "-", item.source or "-"
    return str(item.key.kind), item.key.id, item.version or "-", enabled, owner, state, source
