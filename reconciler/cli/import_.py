"""``llamagate import``: install or update one package from a zip or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import options
from reconciler.cli.items import typed


def import_(
    words: Annotated[list[str], typer.Argument(metavar="[TYPE] ZIP|DIR", show_default=False)],
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Permit an older version than the installed one.")
    ] = False,
    overwrite: options.OverwriteOption = False,
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
    """Install or update one package. Local files stay."""
    from reconciler.reconcile.importing import Import, look_at_import

    kind, package = typed(words, "ZIP|DIR")
    asked = Import(package=Path(package), kind=kind, downgrade=allow_downgrade, overwrite=overwrite, save=save)
    command = options.command(
        file, home, options.terminal(as_json, quiet, no_color), wait=wait, dry_run=dry_run, verbose=verbose
    )
    return command.run(lambda: look_at_import(command.env, command.file, asked))
