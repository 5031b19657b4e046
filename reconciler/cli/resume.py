"""``llamagate resume``: end a hold, and what was suspended."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.cli.item import typed_optional
from reconciler.commands.suspend import resume as end
from reconciler.model.config import JsonObject


def resume(
    invocation: WaitingInvocation,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TYPE] [ID]", show_default=False, help="Only this item; else everything."),
    ] = None,
) -> int:
    """End a pause, so that the watcher continues.

    A pause comes from 'suspend', 'rollback', 'restore', or a command that contradicts llamagate.yaml.

    Example: llamagate resume
    Example: llamagate resume greeter
    Exit codes: 0, 1, 7, 8
    """
    kind, item = typed_optional(words, "ID")
    ended = end(invocation.env, invocation.named_file, invocation.listener, item=item, kind=kind)
    reason = "; ".join(ended.reasons)
    lines = [f"Resumed; it was paused: {ended.hold}."] if ended.hold is not None else []
    lines += [f"Resumed: {one.what} ({one.reason})." for one in ended.suspensions]
    nothing = f"The watcher was not paused for {item}." if item else "The watcher was not paused."
    document: JsonObject = {"resumed": bool(ended.reasons), "reason": reason or None}
    return invocation.answer(document, "\n".join(lines) or nothing)
