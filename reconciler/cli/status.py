"""``llamagate status``: is the home as it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def status(
    diff: Annotated[
        str | None, typer.Option("--diff", metavar="ID", help="Show what was changed by hand in this item's files.")
    ] = None,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Say whether the home is as the file says. Also: drift, pending changes, the gateway."""
    from reconciler.cli.ui.text import render_status
    from reconciler.queries.drift_text import drift_text
    from reconciler.queries.status import read_status

    terminal = Terminal(as_json=as_json, no_color=no_color)
    if diff is not None:
        text = drift_text(options.environment(home), diff)
        terminal.document({"id": diff, "diff": text})
        terminal.result(text.rstrip("\n") or f"{diff}: its files are as they were installed.")
        return ExitCode.OK
    found = read_status(options.environment(home), options.named_file(file))
    if found.note:
        terminal.notice(found.note)
    terminal.document(found.to_document())
    terminal.result(render_status(found, terminal.style))
    return ExitCode.OK
