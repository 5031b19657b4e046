"""``llamagate rollback``: bring back the list of an earlier generation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import options


def rollback(
    to: Annotated[
        int | None, typer.Option("--to", metavar="N", min=1, help="This generation, not the one before; see 'history'.")
    ] = None,
    overwrite: options.OverwriteOption = False,
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Go back to an earlier generation. A watcher then leaves things alone until 'resume'."""
    from reconciler.reconcile.undoing import Rollback, look_at_rollback

    asked = Rollback(to=to, overwrite=overwrite)
    command = options.command(
        file, home, options.terminal(as_json, quiet, no_color), wait=wait, dry_run=dry_run, verbose=verbose
    )
    return command.run(lambda: look_at_rollback(command.env, command.file, asked))
