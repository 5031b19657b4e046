"""``llamagate remove``: take one item out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import options
from reconciler.cli.items import typed


def remove(
    words: Annotated[list[str], typer.Argument(metavar="[TYPE] ID", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Also remove what other items depend on.")] = False,
    save: options.SaveOption = False,
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Remove one item. Its files are kept in a backup."""
    from reconciler.reconcile.removing import Removal, look_at_removal

    kind, item = typed(words, "ID")
    asked = Removal(item=item, kind=kind, force=force, save=save)
    command = options.command(file, home, options.terminal(as_json, quiet, no_color), wait=wait, dry_run=dry_run)
    return command.run(lambda: look_at_removal(command.env, command.file, asked))
