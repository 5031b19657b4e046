"""``llamagate remove``: take one item out."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import ItemArgument, SaveOption
from reconciler.cli.item import typed
from reconciler.commands.remove import Removal, propose_removal


def remove(
    invocation: ChangingInvocation,
    words: ItemArgument,
    force: Annotated[bool, typer.Option("--force", help="Also remove what other items depend on.")] = False,
    save: SaveOption = False,
    if_present: Annotated[bool, typer.Option("--if-present", help="No error if the item was never installed.")] = False,
) -> int:
    """Remove one installed item.

    Its files, local ones too, go into a backup; 'restore' puts them back. To remove an item twice is not an error.

    Example: llamagate remove greeter
    Example: llamagate remove greeter --dry-run
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    kind, item = typed(words, "ID")
    asked = Removal(item=item, kind=kind, force=force, save=save, if_present=if_present)
    return invocation.run(lambda: propose_removal(invocation.env, invocation.named_file, asked))
