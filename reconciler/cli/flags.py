"""Flags that several verbs have, but not all. Those that every verb has are in ``invocation``."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def path_option(*names: str, metavar: str = "FILE", help: str) -> Any:
    """An option that takes a path, of any type: typer's own check would call one that cannot be read a usage error."""
    return typer.Option(*names, metavar=metavar, readable=False, help=help)


LockedOption = Annotated[bool, typer.Option("--locked", help="Fail (4) instead of renewing a stale lock.")]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Fetch nothing: what is not on this machine yet is an error.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Where a file was changed here and in the package, take the package's.")
]
SaveOption = Annotated[
    bool, typer.Option("--save", help="Also write it into the desired state, so that the next apply keeps it.")
]
ITEM_HELP = "The item, by id, else by name. TYPE: extension (ext) or agentic-module (module, am)."
ItemArgument = Annotated[list[str], typer.Argument(metavar="[TYPE] ID", show_default=False, help=ITEM_HELP)]
