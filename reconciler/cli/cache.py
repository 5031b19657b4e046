"""``llamagate cache gc``: drop what nothing needs any more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def gc(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be dropped, and drop nothing.")] = False,
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Drop packages and copies of repositories that neither a lock nor a generation needs."""
    from reconciler.cli.ui.text import render_collected
    from reconciler.commands.cache_gc import collect
    from reconciler.model.listener import Listener

    terminal = Terminal(as_json=as_json, quiet=quiet)
    watch = Listener(wait=wait, notice=terminal.notice, progress=terminal.progress)
    collected = collect(options.environment(home), file, watch, dry_run=dry_run)
    terminal.document(collected.to_document())
    terminal.result(render_collected(collected))
    return ExitCode.OK
