"""``llamagate remove``: take one item out."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.item import typed
from reconciler.cli.verb import ChangingVerb, Invocation, ItemArgument, SaveOption


@ChangingVerb
def remove(
    command: Invocation,
    words: ItemArgument,
    force: Annotated[bool, typer.Option("--force", help="Also remove what other items depend on.")] = False,
    save: SaveOption = False,
) -> int:
    """Remove one item. Its files, local ones too, are kept in a backup; 'restore' puts them back."""
    from reconciler.commands.remove import Removal, propose_removal

    kind, item = typed(words, "ID")
    asked = Removal(item=item, kind=kind, force=force, save=save)
    return command.run(lambda: propose_removal(command.env, command.file, asked))
