"""``llamagate resume``: end a hold."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import options
from reconciler.cli.terminal import Terminal
from reconciler.errors import ExitCode


def resume(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """End a hold. Rollback and restore set one, and so does a command against the file."""
    from reconciler.reconcile.changing import Watch
    from reconciler.reconcile.changing import resume as end_hold

    terminal = Terminal(as_json=as_json, quiet=quiet)
    watch = Watch(wait=wait, notice=terminal.notice)
    hold = end_hold(options.environment(home), options.named_file(file), watch)
    terminal.document({"resumed": hold is not None, "reason": hold.reason if hold else None})
    terminal.result(f"The hold is ended: {hold.reason}." if hold else "There was no hold.")
    return ExitCode.OK
