"""``llamagate sync``: record, registry and disk agree again."""

from __future__ import annotations

from reconciler.cli.command import ChangingVerb, Command


@ChangingVerb
def sync(command: Command) -> int:
    """Make record and registry say what is on disk. No item is changed."""
    from reconciler.reconcile.syncing import look_at_sync

    return command.run(lambda: look_at_sync(command.env, command.file))
