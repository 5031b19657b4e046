"""``llamagate verify``: every installed file against the record."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def verify(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Read every installed file again. Exit 3 if any is not as it was written."""
    from reconciler.cli.ui.text import render_verified
    from reconciler.queries import verify as verifying

    terminal = Terminal(as_json=as_json, quiet=quiet, no_color=no_color)
    found = verifying.verify(options.environment(home), options.named_file(file))
    for warning in found.warnings:
        terminal.notice(warning)
    terminal.document(found.to_document())
    terminal.result(render_verified(found, terminal.style))
    return ExitCode.OK if found.is_good else ExitCode.DRIFT
