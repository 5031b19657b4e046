"""``llamagate upgrade``: newer versions, locked and applied as one change."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import SignerChangeOption
from reconciler.cli.item import typed_ids
from reconciler.commands.upgrade import propose_upgrade


def upgrade(
    invocation: ChangingInvocation,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TYPE] [ID]...", show_default=False, help="Only these, and what they need."),
    ] = None,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Permit an older version than the lock pins.")
    ] = False,
    accept_signer_change: SignerChangeOption = False,
) -> int:
    """Move pins to the newest versions that fit, and apply them.

    It is 'lock --upgrade' and 'apply' as one change: if it fails, the lock is as before.
    Without ID, all of llamagate.yaml is applied.

    Example: llamagate upgrade --dry-run
    Example: llamagate upgrade greeter
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    progress = invocation.terminal.progress
    return invocation.run(
        lambda: propose_upgrade(
            invocation.env,
            invocation.file,
            typed_ids(ids),
            progress,
            downgrade=allow_downgrade,
            signer_change=accept_signer_change,
        ),
        creates=True,
    )
