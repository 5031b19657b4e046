"""``llamagate restore``: put a kept backup back."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.command import ChangingVerb, Command, ItemArgument
from reconciler.cli.items import typed
from reconciler.errors import ExitCode, UsageError


@ChangingVerb
def restore(
    command: Command,
    words: ItemArgument,
    show: Annotated[bool, typer.Option("--list", help="Only show which backups are kept.")] = False,
    generation: Annotated[
        int | None, typer.Option("--from", metavar="N", min=1, help="The backup of this generation, not the newest.")
    ] = None,
) -> int:
    """Put a backup's whole folder back, and back up what it replaces."""
    from reconciler.cli.render import render_backups
    from reconciler.reconcile.backups import Restore, list_backups, look_at_restore

    kind, item = typed(words, "ID")
    if show:
        if generation is not None or command.dry_run:
            raise UsageError("--list only shows; leave out --from and --dry-run")
        found = list_backups(command.env, command.file, item, kind)
        command.terminal.document({"backups": [backup.to_document() for backup in found]})
        command.terminal.result(render_backups(found, command.terminal.style))
        return ExitCode.OK
    asked = Restore(item=item, kind=kind, generation=generation)
    return command.run(lambda: look_at_restore(command.env, command.file, asked))
