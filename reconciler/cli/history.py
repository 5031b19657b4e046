"""``llamagate history``: the generations that are kept."""

from __future__ import annotations

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def history(
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """List the generations, newest first, and what each changed."""
    from reconciler.cli.ui.text import render_history
    from reconciler.queries.history import read_history

    terminal = Terminal(as_json=as_json, no_color=no_color)
    found = read_history(options.environment(home))
    terminal.document(found.to_document())
    terminal.result(render_history(found, terminal.style))
    return ExitCode.OK
