"""``llamagate restore``: put a kept backup back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import options
from reconciler.cli.items import typed
from reconciler.errors import ExitCode, UsageError


def restore(
    words: Annotated[list[str], typer.Argument(metavar="[TYPE] ID", show_default=False)],
    show: Annotated[bool, typer.Option("--list", help="Only show which backups are kept.")] = False,
    generation: Annotated[
        int | None, typer.Option("--from", metavar="N", min=1, help="The backup of this generation, not the newest.")
    ] = None,
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Put a backup's whole folder back, and back up what it replaces."""
    from reconciler.cli.render import render_backups
    from reconciler.reconcile.backups import Restore, list_backups, look_at_restore

    kind, item = typed(words, "ID")
    command = options.command(file, home, options.terminal(as_json, quiet, no_color), wait=wait, dry_run=dry_run)
    if show:
        if generation is not None or dry_run:
            raise UsageError("--list only shows; leave out --from and --dry-run")
        found = list_backups(command.env, command.file, item, kind)
        command.terminal.document({"backups": [backup.to_document() for backup in found]})
        command.terminal.result(render_backups(found, command.terminal.style))
        return ExitCode.OK
    asked = Restore(item=item, kind=kind, generation=generation)
    return command.run(lambda: look_at_restore(command.env, command.file, asked))
