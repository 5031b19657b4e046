"""``llamagate list``: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.item import TYPES
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, UsageError
from reconciler.model.home import Home


def list_(
    types: Annotated[
        str | None, typer.Argument(metavar="[TYPES]", help="extensions (ext) or agentic-modules (modules, am).")
    ] = None,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """List what is installed, whoever installed it."""
    from reconciler.cli.ui.text import render_list
    from reconciler.queries.list import list_items

    if types is not None and types not in TYPES:
        raise UsageError(f"'{types}' is no type; use extensions or agentic-modules")
    terminal = Terminal(as_json=as_json, no_color=no_color)
    items = list_items(Home(options.environment(home).home))
    shown = [item for item in items if types is None or item.key.kind is TYPES[types]]
    terminal.document({"items": [item.to_document() for item in shown]})
    terminal.result(render_list(shown, terminal.style))
    return ExitCode.OK
