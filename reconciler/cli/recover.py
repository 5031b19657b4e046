"""``llamagate recover``: settle what an interrupted command left."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.commands.recover import abandon as keep_everything
from reconciler.commands.recover import recover as settle

_SAID: Final = {
    "none": "Nothing was interrupted.",
    "finished": "An interrupted change was finished.",
    "undone": "An interrupted change was undone.",
}


def recover(
    invocation: WaitingInvocation,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Neither finish nor undo it: keep all files as they are.")
    ] = False,
) -> int:
    """Finish or undo a change that was interrupted.

    Use it after a crash or a power cut. Every command that writes does this first, so you rarely need it.

    Example: llamagate recover
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    env, file, listener = invocation.env, invocation.named_file, invocation.listener
    if not abandon:
        recovered = settle(env, file, listener)
        return invocation.answer({"recovered": str(recovered)}, _SAID[recovered])
    kept = keep_everything(env, file, listener)
    text = "Everything was kept as it is; 'llamagate plan' shows what differs." if kept else _SAID["none"]
    return invocation.answer({"recovered": "none"}, text)
