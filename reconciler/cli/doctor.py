"""``llamagate doctor``: what goes wrong in practice, and what mends it."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def doctor(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Look for what goes wrong in practice, and say what mends it."""
    from reconciler.cli.ui.text import render_examined
    from reconciler.queries.doctor import diagnose

    terminal = Terminal(as_json=as_json, no_color=no_color)
    found = diagnose(options.environment(home), options.named_file(file), Path.cwd())
    terminal.document(found.to_document())
    terminal.result(render_examined(found, terminal.style))
    return ExitCode.ERROR if found.has_problems else ExitCode.OK
