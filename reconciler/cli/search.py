"""``llamagate search``: what catalogs have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.show import CatalogOption
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.table import table
from reconciler.queries.catalogs import Offered
from reconciler.queries.catalogs import search as search_catalogs


def search(
    invocation: Invocation,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", show_default=False, help="A part of the id.")] = "",
    catalog: CatalogOption = None,
) -> int:
    """List what catalogs have: those of llamagate.yaml, or named ones.

    'show ID' says what is in it, before anything is installed.

    Example: llamagate search
    Example: llamagate search greet --catalog ./catalog
    Exit codes: 0, 1, 5
    """
    progress = invocation.terminal.progress
    found = search_catalogs(invocation.env, invocation.named_file, text, catalog or (), progress)
    return invocation.answer(
        {"items": [one.to_document() for one in found]}, render_search(found, invocation.terminal.style)
    )


def render_search(found: Sequence[Offered], style: Style) -> str:
    """A table of the items."""
    if not found:
        return "No item was found."
    heads = ("ID", "KIND", "LATEST", "INSTALLED", "VERSIONS", "CATALOG")
    rows = (
        (
            one.key.id,
            str(one.key.kind),
            one.latest or "-",
            one.installed or "-",
            str(len(one.versions)),
            str(one.catalog),
        )
        for one in found
    )
    return table([heads, *rows], style)
