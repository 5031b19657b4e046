"""``llamagate apply``: make the home match the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.outcome import explainer, show_outcome
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import UsageError


def apply(
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", readable=False, help="A plan saved with 'plan --out'.")
    ] = None,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    only: options.OnlyOption = None,
    locked: options.LockedOption = False,
    offline: options.OfflineOption = False,
    allow_prune: options.AllowPruneOption = False,
    overwrite: options.OverwriteOption = False,
    take_over: options.TakeOverOption = None,
    take_over_all: options.TakeOverAllOption = False,
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Make the home match the file: all of it, or nothing."""
    from reconciler.commands.apply import apply as change
    from reconciler.model.listener import Listener
    from reconciler.reconcile.proposal import Options

    terminal = Terminal(as_json=as_json, quiet=quiet, no_color=no_color)
    allowances = options.allowances(
        prune=allow_prune, overwrite=overwrite, take_over=take_over, everything=take_over_all
    )
    chosen, fingerprint = options.pass_options(file, only=only, locked=locked, allowances=allowances), ""
    if plan is not None:
        if chosen != Options(file=Path(options.DEFAULT_FILE)):
            raise UsageError("a saved plan holds its own file and options; leave out those of 'plan' here")
        from reconciler.cli.saved_plan import read_saved_plan

        chosen, fingerprint = read_saved_plan(plan)
    watch = Listener(wait=wait, notice=terminal.notice, progress=terminal.progress)
    explain = explainer() if as_json or verbose else None
    done = change(options.environment(home, offline=offline), chosen, watch, saved=fingerprint, explain=explain)
    return show_outcome(done, terminal)
