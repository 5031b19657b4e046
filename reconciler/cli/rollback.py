"""``llamagate rollback``: bring back the list of an earlier generation."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.flags import OverwriteOption
from reconciler.cli.verb import ChangingVerb, Invocation


@ChangingVerb
def rollback(
    command: Invocation,
    to: Annotated[
        int | None, typer.Option("--to", metavar="N", min=1, help="This generation, not the one before; see 'history'.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Go back to an earlier generation. A watcher then leaves things alone until 'resume'."""
    from reconciler.commands.rollback import Rollback, propose_rollback

    asked = Rollback(to=to, overwrite=overwrite)
    return command.run(lambda: propose_rollback(command.env, command.file, asked))
