"""``llamagate enable`` and ``llamagate disable``: whether a gateway runs an item."""

from __future__ import annotations

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import ItemArgument, SaveOption
from reconciler.cli.item import typed
from reconciler.commands.switch import Switch, propose_switch


def enable(invocation: ChangingInvocation, words: ItemArgument, save: SaveOption = False) -> int:
    """Let the gateway run an item.

    Example: llamagate enable greeter
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    return _switch(invocation, words, enabled=True, save=save)


def disable(invocation: ChangingInvocation, words: ItemArgument, save: SaveOption = False) -> int:
    """Stop the gateway from running an item; keep it installed.

    Example: llamagate disable greeter
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    return _switch(invocation, words, enabled=False, save=save)


def _switch(invocation: ChangingInvocation, words: list[str], *, enabled: bool, save: bool) -> int:
    kind, item = typed(words, "ID")
    asked = Switch(item=item, enabled=enabled, kind=kind, save=save)
    return invocation.run(lambda: propose_switch(invocation.env, invocation.named_file, asked))
