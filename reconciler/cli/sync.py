"""``llamagate sync``: record, registry and disk agree again."""

from __future__ import annotations

from reconciler.cli.changing import ChangingInvocation
from reconciler.commands.sync import propose_sync


def sync(invocation: ChangingInvocation) -> int:
    """Make record and registry say what is on disk. No item is changed."""
    return invocation.run(lambda: propose_sync(invocation.env, invocation.named_file))
