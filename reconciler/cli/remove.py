"""``llamagate remove``: take one item out."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.command import ChangingVerb, Command, ItemArgument, SaveOption
from reconciler.cli.items import typed


@ChangingVerb
def remove(
    command: Command,
    words: ItemArgument,
    force: Annotated[bool, typer.Option("--force", help="Also remove what other items depend on.")] = False,
    save: SaveOption = False,
) -> int:
    """Remove one item. Its files, local ones too, are kept in a backup; 'restore' puts them back."""
    from reconciler.reconcile.removing import Removal, look_at_removal

    kind, item = typed(words, "ID")
    asked = Removal(item=item, kind=kind, force=force, save=save)
    return command.run(lambda: look_at_removal(command.env, command.file, asked))
