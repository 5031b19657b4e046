"""``llamagate enable`` and ``llamagate disable``: whether a gateway runs an item."""

from __future__ import annotations

from reconciler.cli.item import typed
from reconciler.cli.verb import ChangingVerb, Invocation, ItemArgument, SaveOption


@ChangingVerb
def enable(command: Invocation, words: ItemArgument, save: SaveOption = False) -> int:
    """Let the gateway run an item."""
    return _switch(command, words, enabled=True, save=save)


@ChangingVerb
def disable(command: Invocation, words: ItemArgument, save: SaveOption = False) -> int:
    """Keep an item installed, and the gateway from running it."""
    return _switch(command, words, enabled=False, save=save)


def _switch(command: Invocation, words: list[str], *, enabled: bool, save: bool) -> int:
    from reconciler.commands.switch import Switch, propose_switch

    kind, item = typed(words, "ID")
    asked = Switch(item=item, enabled=enabled, kind=kind, save=save)
    return command.run(lambda: propose_switch(command.env, command.file, asked))
