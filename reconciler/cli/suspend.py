"""``llamagate suspend``: order a watcher to leave an item alone, or everything."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.cli.item import typed_optional
from reconciler.commands.suspend import suspend as suspend_item
from reconciler.errors import UsageError


def suspend(
    invocation: WaitingInvocation,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; 'status' and the watcher show it.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TYPE] [ID]", show_default=False, help="Only this item; else everything."),
    ] = None,
) -> int:
    """Pause the watcher for one item or for everything.

    Use it while you work on installed files by hand. 'resume' ends the pause. 'apply' still changes what it should.

    Example: llamagate suspend greeter --reason "testing a fix"
    Exit codes: 0, 1, 7, 8
    """
    if not reason.strip():
        raise UsageError("--reason is empty; say why, so that others know")
    kind, item = typed_optional(words, "ID")
    env, listener = invocation.env, invocation.listener
    given = suspend_item(env, invocation.named_file, listener, item=item, kind=kind, reason=reason)
    text = f"Paused the watcher for {given.what} until 'llamagate resume': {given.reason}."
    return invocation.answer(given.to_document(), text)
