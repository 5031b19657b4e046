"""``llamagate migrate``: legacy extensions become installed items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import options


def migrate(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder 'extensions' from which a gateway was started.")
    ] = Path("extensions"),
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out folders that are no valid packages.")
    ] = False,
    save: options.SaveOption = False,
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Install the packages of a legacy folder, which stays as it is."""
    from reconciler.reconcile.changing import Watch
    from reconciler.reconcile.migrating import Migration, look_at_migration
    from reconciler.reconcile.migrating import migrate as carry_out

    asked = Migration(folder=folder, save=save, skips_invalid=skip_invalid)
    terminal = options.terminal(as_json, quiet, no_color)
    command = options.command(file, home, terminal, wait=wait, dry_run=dry_run, verbose=verbose)
    if dry_run:
        return command.preview(lambda: look_at_migration(command.env, command.file, asked))
    watch = Watch(wait=wait, notice=terminal.notice, progress=terminal.progress)
    return command.show(carry_out(command.env, command.file, asked, watch, explain=command.explain))
