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
        int | None, typer.Option("--to", metavar="N", min=1, help="This generation, not the one before; see 'history'.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Go back to an earlier generation. A watcher then leaves things alone until 'resume'."""
    env, file = invocation.env, invocation.named_file
    return invocation.run(lambda: propose_rollback(env, file, to=to, overwrite=overwrite))
