"""``llamagate suspend``: order a watcher to leave an item alone, or everything."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.commands.suspend import suspend as suspend_item


def suspend(
    invocation: WaitingInvocation,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; 'status' and the watcher say it to others.")
    ],
    item: Annotated[str, typer.Argument(metavar="[ID]", show_default=False, help="Only this item.")] = "",
) -> int:
    """Have the watcher leave things alone. Until 'resume'; an apply by hand does not heed it."""
    given = suspend_item(invocation.env, invocation.named_file, invocation.listener, item=item, reason=reason)
    text = f"Suspended until 'llamagate resume': {given.item or 'everything'} ({given.reason})."
    return invocation.answer(given.to_document(), text)
