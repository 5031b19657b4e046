"""``llamagate restore``: put a kept backup back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import OptionalItemArgument
from reconciler.cli.item import typed
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.table import table
from reconciler.cli.ui.words import moment
from reconciler.commands.restore import KeptBackup, list_backups, propose_restore
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject


def restore(
    invocation: ChangingInvocation,
    words: OptionalItemArgument = None,
    show: Annotated[
        bool, typer.Option("--list", help="Only list the backups, of all items where none is named.")
    ] = False,
    generation: Annotated[
        int | None, typer.Option("--from", metavar="N", min=1, help="The backup that generation N made; see --list.")
    ] = None,
) -> int:
    """Put back an item's whole folder from a backup.

    Use it to get back files that an update or 'remove' replaced. What it replaces goes into a backup itself.

    Example: llamagate restore greeter --list
    Example: llamagate restore greeter --from 3
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    if not words and not show:
        raise UsageError("name the item to restore", advice="'llamagate restore --list' lists all backups")
    kind, item = typed(words, "ID") if words else (None, None)
    env, file = invocation.env, invocation.named_file
    if show:
        if generation is not None or invocation.dry_run:
            raise UsageError("--list only lists; leave out --from and --dry-run")
        found = list_backups(env, file, item, kind)
        document: JsonObject = {"backups": [backup.to_document() for backup in found]}
        return invocation.answer(document, render_backups(found, invocation.terminal.style))
    return invocation.run(lambda: propose_restore(env, file, item or "", kind, generation))


def render_backups(backups: Sequence[KeptBackup], style: Style) -> str:
    """A table of backups."""
    if not backups:
        return "There are no backups."
    heads = ("ID", "VERSION", "REPLACED BY GENERATION", "AT", "FOLDER")
    return table([heads, *map(_row, backups)], style)


def _row(backup: KeptBackup) -> tuple[str, ...]:
    at = moment(backup.replaced_at) or "-"
    return backup.key.id, backup.version or "-", str(backup.generation), at, str(backup.path)
