"""``llamagate sync``: record, registry and disk agree again."""

from __future__ import annotations

from reconciler.cli.changing import ChangingInvocation
from reconciler.commands.sync import propose_sync


def sync(invocation: ChangingInvocation) -> int:
    """Update the record and the registry from what is on disk.

    Use it after another program, or you by hand, added or deleted folders below installed/. No item's files change.

    Example: llamagate sync --dry-run
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    return invocation.run(lambda: propose_sync(invocation.env, invocation.named_file))
