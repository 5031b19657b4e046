"""``llamagate outdated``: what newer versions there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def outdated(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    every: Annotated[bool, typer.Option("--all", help="Also show what is up to date.")] = False,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="2: something newer exists.")] = False,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Show what is newer than the lock. Repositories and catalogs are asked for what they have; nothing is changed."""
    from reconciler.cli.ui.text import render_outdated
    from reconciler.queries.outdated import read_outdated

    terminal = Terminal(as_json=as_json, no_color=no_color)
    found = read_outdated(options.environment(home), file, terminal.progress)
    terminal.document({"items": [one.to_document() for one in found]})
    terminal.result(render_outdated(found, terminal.style, every=every))
    newer = any(one.is_outdated for one in found)
    return ExitCode.CHANGES_PENDING if detailed_exitcode and newer else ExitCode.OK
