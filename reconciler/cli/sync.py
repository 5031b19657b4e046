"""``llamagate sync``: record, registry and disk agree again."""

from __future__ import annotations

from reconciler.cli.verb import ChangingVerb, Invocation


@ChangingVerb
def sync(command: Invocation) -> int:
    """Make record and registry say what is on disk. No item is changed."""
    from reconciler.commands.sync import propose_sync

    return command.run(lambda: propose_sync(command.env, command.file))
