"""``llamagate suspend``: order a watcher to leave an item alone, or everything."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.commands.suspend import suspend as suspend_item
from reconciler.errors import UsageError


def suspend(
    invocation: WaitingInvocation,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; 'status' and the watcher show it.")],
    item: Annotated[
        str, typer.Argument(metavar="[ID]", show_default=False, help="Only this item; else everything.")
    ] = "",
) -> int:
    """Pause the watcher for one item or for everything.

    Use it while you work on installed files by hand. 'resume' ends the pause. 'apply' still changes what it should.

    Example: llamagate suspend greeter --reason "testing a fix"
    Exit codes: 0, 1, 7, 8
    """
    if not reason.strip():
        raise UsageError("--reason is empty; say why, so that others know")
    given = suspend_item(invocation.env, invocation.named_file, invocation.listener, item=item, reason=reason)
    text = f"Paused the watcher for {given.item or 'everything'} until 'llamagate resume': {given.reason}."
    return invocation.answer(given.to_document(), text)
