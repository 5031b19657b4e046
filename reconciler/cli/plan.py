"""``llamagate plan``: what an apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.model.plan import Plan


def plan(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", readable=False, help="Also save the plan, for 'apply FILE'.")
    ] = None,
    only: options.OnlyOption = None,
    locked: options.LockedOption = False,
    offline: options.OfflineOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="2: changes pending. 3: drift only. 5: refused.")
    ] = False,
    allow_prune: options.AllowPruneOption = False,
    overwrite: options.OverwriteOption = False,
    take_over: options.TakeOverOption = None,
    take_over_all: options.TakeOverAllOption = False,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Show what would change and why. Nothing is changed."""
    from reconciler.cli.ui.plan import render_plan
    from reconciler.queries.plan import read_plan

    terminal = Terminal(as_json=as_json, no_color=no_color)
    chosen = options.pass_options(
        file,
        only=only,
        locked=locked,
        allowances=options.allowances(
            prune=allow_prune, overwrite=overwrite, take_over=take_over, everything=take_over_all
        ),
    )
    if out is not None:
        options.check_output(out, file)
    found = read_plan(options.environment(home, offline=offline), chosen, terminal.progress)
    if out is not None:
        from reconciler.cli.saved_plan import saved_plan_bytes

        options.write_output(out, saved_plan_bytes(found, chosen))
    terminal.document(found.to_document())
    terminal.result(render_plan(found, terminal.style))
    return _exit_code(found) if detailed_exitcode else ExitCode.OK


def _exit_code(plan: Plan) -> ExitCode:
    if plan.refusals:
        return ExitCode.REFUSED
    if plan.changes:
        return ExitCode.CHANGES_PENDING
    return ExitCode.DRIFT if plan.drift else ExitCode.OK
