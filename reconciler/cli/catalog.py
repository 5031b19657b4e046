"""``llamagate catalog build``: an index of the packages in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def build(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="A folder of packages: zips, and folders to pack.")
    ],
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Write DIR/index.json, which any web server can serve. Versions that it lists already stay as they were."""
    from reconciler.cli.ui.text import render_built
    from reconciler.commands.catalog_build import build_catalog
    from reconciler.model.desired import Limits

    terminal = Terminal(as_json=as_json, quiet=quiet)
    built = build_catalog(options.environment(None), folder, Limits())
    terminal.document(built.to_document())
    terminal.result(render_built(built))
    return ExitCode.OK
