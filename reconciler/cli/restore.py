"""``llamagate restore``: put a kept backup back."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.item import typed
from reconciler.cli.verb import ChangingVerb, Invocation, ItemArgument
from reconciler.errors import ExitCode, UsageError


@ChangingVerb
def restore(
    command: Invocation,
    words: ItemArgument,
    show: Annotated[bool, typer.Option("--list", help="Only show which backups are kept.")] = False,
    generation: Annotated[
        int | None, typer.Option("--from", metavar="N", min=1, help="The backup of this generation, not the newest.")
    ] = None,
) -> int:
    """Put a backup's whole folder back, and back up what it replaces."""
    from reconciler.cli.ui.text import render_backups
    from reconciler.commands.restore import Restore, list_backups, propose_restore

    kind, item = typed(words, "ID")
    if show:
        if generation is not None or command.dry_run:
            raise UsageError("--list only shows; leave out --from and --dry-run")
        found = list_backups(command.env, command.file, item, kind)
        command.terminal.document({"backups": [backup.to_document() for backup in found]})
        command.terminal.result(render_backups(found, command.terminal.style))
        return ExitCode.OK
    asked = Restore(item=item, kind=kind, generation=generation)
    return command.run(lambda: propose_restore(command.env, command.file, asked))
