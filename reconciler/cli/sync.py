"""``llamagate sync``: record, registry and disk agree again."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.commands.sync import note_restart, propose_sync


def sync(
    invocation: ChangingInvocation,
    gateway_restarted: Annotated[
        bool,
        typer.Option("--gateway-restarted", help="Say that the gateway was restarted, if llamagate cannot see it."),
    ] = False,
) -> int:
    """Update the record and the registry from what is on disk.

    Use it after another program, or you by hand, added or deleted folders below installed/. No item's files change.

    A gateway keeps the endpoints of an extension until it is restarted; 'status' names those that are outdated.

    Example: llamagate sync --dry-run
    Example: llamagate sync --gateway-restarted
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    if gateway_restarted and not invocation.dry_run:
        note_restart(invocation.env, invocation.named_file, invocation.listener)
    return invocation.run(lambda: propose_sync(invocation.env, invocation.named_file))
