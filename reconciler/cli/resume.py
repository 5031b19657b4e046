"""``llamagate resume``: end a hold, and what was suspended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def resume(
    item: Annotated[
        str, typer.Argument(metavar="[ID]", show_default=False, help="Only the suspension of this item.")
    ] = "",
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """End a hold and what was suspended. Rollback and restore set a hold, and so does a command against the file."""
    from reconciler.commands.suspend import resume as end
    from reconciler.model.listener import Listener

    terminal = Terminal(as_json=as_json, quiet=quiet)
    watch = Listener(wait=wait, notice=terminal.notice)
    ended = end(options.environment(home), options.named_file(file), watch, item=item)
    reason = "; ".join(ended.reasons)
    terminal.document({"resumed": bool(ended.reasons), "reason": reason or None})
    lines = [f"The hold is ended: {ended.hold}."] if ended.hold is not None else []
    lines += [f"No longer suspended: {one.item or 'everything'} ({one.reason})." for one in ended.suspensions]
    nothing = f"{item} was not suspended." if item else "There was no hold."
    terminal.result("\n".join(lines) or nothing)
    return ExitCode.OK
