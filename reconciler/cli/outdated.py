"""``llamagate outdated``: what newer versions there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.table import table
from reconciler.errors import ExitCode
from reconciler.queries.outdated import OutdatedItem, read_outdated


def outdated(
    invocation: Invocation,
    every: Annotated[bool, typer.Option("--all", help="Also show items that are up to date.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if something newer exists.")
    ] = False,
) -> int:
    """Show which items have a newer version than the lock pins.

    It asks repositories, registries and catalogs for their versions, and changes nothing.

    Example: llamagate outdated
    Example: llamagate outdated --all --detailed-exitcode
    Exit codes: 0, 1, 2 something newer exists (with --detailed-exitcode), 5, 8
    """
    found = read_outdated(invocation.env, invocation.file, invocation.terminal.progress)
    text = render_outdated(found, invocation.terminal.style, every=every)
    newer = detailed_exitcode and any(one.is_outdated for one in found)
    code = ExitCode.CHANGES_PENDING if newer else ExitCode.OK
    return invocation.answer({"items": [one.to_document() for one in found]}, text, code)


def render_outdated(found: Sequence[OutdatedItem], style: Style, *, every: bool) -> str:
    """A table of what is pinned and what there is; below it what else changed at a source."""
    shown = [one for one in found if one.is_outdated or one.notes or every]
    if not shown:
        return (
            "All pinned items are up to date." if found else "Nothing comes from a repository, a registry or a catalog."
        )
    heads = ("ID", "LOCKED", "WANTED", "LATEST", "RANGE", "SOURCE")
    notes = [f"  {one.item.key.id}: {note}" for one in shown for note in one.notes]
    hint = (
        ["'llamagate lock --upgrade [ID]' moves pins to the version under WANTED"]
        if any(one.moves for one in shown)
        else []
    )
    return "\n".join([table([heads, *map(_row, shown)], style), *notes, *hint])


def _row(one: OutdatedItem) -> tuple[str, ...]:
    locked, latest, allowed = one.locked or "-", one.latest or "-", one.item.version or "-"
    return one.item.key.id, locked, one.wanted, latest, allowed, str(one.item.source)
