"""``llamagate confirm``: keep a change that waits for it."""

from __future__ import annotations

from reconciler.cli.invocation import WaitingInvocation
from reconciler.commands.confirm import confirm as confirm_change


def confirm(invocation: WaitingInvocation) -> int:
    """Keep the change that 'apply --confirm' made.

    Without it the change is undone when its time is over.

    Example: llamagate confirm
    Exit codes: 0 also if no change waits, 1, 6 too late; it was undone, 7, 8
    """
    kept = confirm_change(invocation.env, invocation.named_file, invocation.listener)
    text = "No change waits to be confirmed." if kept is None else f"Confirmed generation {kept}: it stays."
    return invocation.answer({"confirmed": kept is not None, "generation": kept}, text)
