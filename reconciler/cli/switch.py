"""``llamagate enable`` and ``llamagate disable``: whether a gateway runs an item."""

from __future__ import annotations

from reconciler.cli.command import ChangingVerb, Command, ItemArgument, SaveOption
from reconciler.cli.items import typed


@ChangingVerb
def enable(command: Command, words: ItemArgument, save: SaveOption = False) -> int:
    """Let the gateway run an item."""
    return _switch(command, words, enabled=True, save=save)


@ChangingVerb
def disable(command: Command, words: ItemArgument, save: SaveOption = False) -> int:
    """Keep an item installed, and the gateway from running it."""
    return _switch(command, words, enabled=False, save=save)


def _switch(command: Command, words: list[str], *, enabled: bool, save: bool) -> int:
    from reconciler.reconcile.switching import Switch, look_at_switch

    kind, item = typed(words, "ID")
    asked = Switch(item=item, enabled=enabled, kind=kind, save=save)
    return command.run(lambda: look_at_switch(command.env, command.file, asked))
