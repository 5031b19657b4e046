"""``llamagate enable`` and ``llamagate disable``: whether a gateway runs an item."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import options
from reconciler.cli.items import typed
from reconciler.cli.outcome import Command

WordsArgument = Annotated[list[str], typer.Argument(metavar="[TYPE] ID", show_default=False)]


def enable(
    words: WordsArgument,
    save: options.SaveOption = False,
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Let the gateway run an item."""
    terminal = options.terminal(as_json, quiet, no_color)
    command = options.command(file, home, terminal, wait=wait, dry_run=dry_run)
    return _switch(words, command, enabled=True, save=save)


def disable(
    words: WordsArgument,
    save: options.SaveOption = False,
    dry_run: options.DryRunOption = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Keep an item installed, and the gateway from running it."""
    terminal = options.terminal(as_json, quiet, no_color)
    command = options.command(file, home, terminal, wait=wait, dry_run=dry_run)
    return _switch(words, command, enabled=False, save=save)


def _switch(words: list[str], command: Command, *, enabled: bool, save: bool) -> int:
    from reconciler.reconcile.switching import Switch, look_at_switch

    kind, item = typed(words, "ID")
    asked = Switch(item=item, enabled=enabled, kind=kind, save=save)
    return command.run(lambda: look_at_switch(command.env, command.file, asked))
