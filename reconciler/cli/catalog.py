"""``llamagate catalog build``: an index of the packages in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.words import counted
from reconciler.commands.catalog_build import Built, build_catalog
from reconciler.model.desired import Limits


def build(
    invocation: Invocation,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="A folder of packages: zips, and folders to pack.")
    ],
) -> int:
    """Write DIR/index.json, which lists the packages in a folder.

    Zips and folders are packages; tar archives are not looked at. Any web server
    can serve the folder. Versions that the index lists already keep their entries.

    Example: llamagate catalog build ./public
    Exit codes: 0, 1, 5
    """
    built = build_catalog(invocation.env, folder, Limits())
    for note in built.warnings:
        invocation.terminal.notice(f"warning: {note}")
    return invocation.answer(built.to_document(), render_built(built))


def render_built(built: Built) -> str:
    """What is new in a catalog."""
    count = sum(len(versions) for versions in built.catalog.items.values())
    lines = [f"packed {path}" for path in built.packed]
    lines += [f"  + {added}" for added in built.added] + [f"  - {gone}: its file is gone" for gone in built.gone]
    return "\n".join(
        [*lines, f"{built.index} lists {counted(count, 'version')} of {counted(len(built.catalog.items), 'item')}."]
    )
