"""``llamagate migrate``: legacy extensions become installed items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import SaveOption
from reconciler.commands.migrate import Migration, propose_migration
from reconciler.commands.migrate import migrate as migrate_folder


def migrate(
    invocation: ChangingInvocation,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The old folder.")] = Path("extensions"),
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out folders that are not valid packages.")
    ] = False,
    save: SaveOption = False,
) -> int:
    """Install the packages of a gateway's old 'extensions' folder.

    Use it once, when you move to llamagate. The folder stays as it is, and you can run it again.

    Example: llamagate migrate --dry-run
    Example: llamagate migrate ./extensions --save
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    asked = Migration(folder=folder, save=save, skips_invalid=skip_invalid)
    env, file = invocation.env, invocation.named_file
    if invocation.dry_run:
        return invocation.preview(lambda: propose_migration(env, file, asked), creates=True)
    return invocation.show(migrate_folder(env, file, asked, invocation.listener, detailed=invocation.is_detailed))
