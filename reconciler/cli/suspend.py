"""``llamagate suspend``: order a watcher to leave an item alone, or everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def suspend(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; 'status' and the watcher say it to others.")
    ],
    item: Annotated[str, typer.Argument(metavar="[ID]", show_default=False, help="Only this item.")] = "",
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Have the watcher leave things alone. Until 'resume'; an apply by hand does not heed it."""
    from reconciler.commands.suspend import suspend as order
    from reconciler.model.listener import Listener

    terminal = Terminal(as_json=as_json, quiet=quiet)
    watch = Listener(wait=wait, notice=terminal.notice)
    given = order(options.environment(home), options.named_file(file), watch, item=item, reason=reason)
    terminal.document(given.to_document())
    terminal.result(f"Suspended until 'llamagate resume': {given.item or 'everything'} ({given.reason}).")
    return ExitCode.OK
