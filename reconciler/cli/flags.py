"""Flags that several verbs have, but not all. Those that every verb has are in ``invocation``."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def path_option(*names: str, metavar: str = "FILE", help: str) -> Any:
    """An option that takes a path, of any type: typer's own check would call one that cannot be read a usage error."""
    return typer.Option(*names, metavar=metavar, readable=False, help=help)


def paths_argument(*, metavar: str, help: str) -> Any:
    """Any number of paths, checked as those of an option are."""
    return typer.Argument(metavar=metavar, readable=False, show_default=False, help=help)


LockedOption = Annotated[bool, typer.Option("--locked", help="Exit with 4 if the lock is out of date.")]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Use only packages that are on this machine already.")]
SignerChangeOption = Annotated[
    bool,
    typer.Option("--accept-signer-change", help="Permit a package that others signed than before, or nobody."),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Where a file was changed by hand and by the package too, take the package's."),
]
SaveOption = Annotated[
    bool, typer.Option("--save", help="Also write it into llamagate.yaml, so the next apply keeps it.")
]
ITEM_HELP = "The item's id or name. TYPE: extension (ext), agentic-module (module, am) or mcp-server (mcp)."
ItemArgument = Annotated[list[str], typer.Argument(metavar="[TYPE] ID", show_default=False, help=ITEM_HELP)]
ITEM_OPTION = "ID|TYPE/ID"
"""How an option names an item: its value is one word."""
OptionalItemArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[TYPE] ID", show_default=False, help=ITEM_HELP)
]
