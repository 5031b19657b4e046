"""``llamagate rollback``: bring back the list of an earlier generation."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import OverwriteOption
from reconciler.commands.rollback import propose_rollback


def rollback(
    invocation: ChangingInvocation,
    to: Annotated[
        int | None, typer.Option("--to", metavar="N", min=1, help="The generation to go back to; see 'history'.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Go back to an earlier generation: its items and versions.

    The watcher then pauses until 'resume' or 'apply'. Change llamagate.yaml too, or the next 'apply'
    undoes the rollback.

    Example: llamagate rollback
    Example: llamagate rollback --to 3
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    env, file = invocation.env, invocation.named_file
    return invocation.run(lambda: propose_rollback(env, file, to=to, overwrite=overwrite))
