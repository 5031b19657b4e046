"""``llamagate migrate``: legacy extensions become installed items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.verb import ChangingVerb, Invocation, SaveOption


@ChangingVerb
def migrate(
    command: Invocation,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder 'extensions' from which a gateway was started.")
    ] = Path("extensions"),
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out folders that are no valid packages.")
    ] = False,
    save: SaveOption = False,
) -> int:
    """Install the packages of a legacy folder, which stays as it is. May be run again."""
    from reconciler.commands.migrate import Migration, propose_migration
    from reconciler.commands.migrate import migrate as carry_out

    asked = Migration(folder=folder, save=save, skips_invalid=skip_invalid)
    if command.dry_run:
        return command.preview(lambda: propose_migration(command.env, command.file, asked))
    return command.show(carry_out(command.env, command.file, asked, command.watch, explain=command.explain))
