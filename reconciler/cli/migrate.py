"""``llamagate migrate``: legacy extensions become installed items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import SaveOption, paths_argument
from reconciler.commands.migrate import Migration, propose_migration
from reconciler.commands.migrate import migrate as migrate_folders
from reconciler.observe.legacy import LEGACY_FOLDERS


def migrate(
    invocation: ChangingInvocation,
    folders: Annotated[
        list[Path] | None,
        paths_argument(metavar="[DIR]...", help="The old folders.  [default: ./extensions, ./agenticmodules]"),
    ] = None,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out folders that are not valid packages.")
    ] = False,
    save: SaveOption = False,
) -> int:
    """Install the packages of a gateway's old folders.

    These are 'extensions' and 'agenticmodules' where the gateway was started.
    Use it once, when you move to llamagate. The folders stay as they are, and
    you can run it again.

    Example: llamagate migrate --dry-run
    Example: llamagate migrate ./extensions --save
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    asked = Migration(folders=tuple(folders or _there()), save=save, skips_invalid=skip_invalid)
    env, file = invocation.env, invocation.named_file
    if invocation.dry_run:
        return invocation.preview(lambda: propose_migration(env, file, asked), creates=True)
    return invocation.show(migrate_folders(env, file, asked, invocation.listener, detailed=invocation.is_detailed))


def _there() -> list[Path]:
    """The usual old folders in this one; the first of them where there is none, so that the error names it."""
    return [found for name in LEGACY_FOLDERS if (found := Path(name)).is_dir()] or [Path(LEGACY_FOLDERS[0])]
