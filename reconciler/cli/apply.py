"""``llamagate apply``: make the home match the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.pass_flags import PassFlags
from reconciler.cli.plan import read, show
from reconciler.cli.saved_plan import read_saved_plan
from reconciler.cli.shared_flags import DEFAULT_FILE
from reconciler.cli.ui.outcome import show_outcome
from reconciler.commands.apply import apply as apply_file
from reconciler.errors import UsageError
from reconciler.fs.bounded import is_there
from reconciler.reconcile.options import Options


def apply(
    invocation: ChangingInvocation,
    flags: PassFlags,
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", readable=False, help="A plan saved with 'plan --out'.")
    ] = None,
) -> int:
    """Make the home match llamagate.yaml: install, update, remove.

    It makes all of the changes or none of them. With PLAN it does what that saved plan says, or nothing;
    where its llamagate.yaml was elsewhere, that of this folder or of -f is used if the plan is the same.
    'apply --dry-run' is 'plan'.

    Example: llamagate apply
    Example: llamagate apply plan.json
    Exit codes: 0, 1, 4, 5, 6, 7, 8,
    9 the saved plan is stale; or another program kept changing the file or its lock, 10
    """
    if invocation.dry_run:
        if plan is not None:
            raise UsageError("--dry-run makes a new plan; leave out the saved plan")
        return show(invocation, read(invocation, flags, invocation.detail), invocation.detail)
    options, shown = flags.options(invocation.file), None
    if plan is not None:
        if options != Options(file=invocation.file):
            raise UsageError("a saved plan has its own options; leave them out")
        options, shown = read_saved_plan(plan)
        if invocation.file != DEFAULT_FILE or (is_there(invocation.file) and not is_there(options.file)):
            options = replace(options, file=invocation.file)
    env = replace(invocation.env, offline=flags.offline)
    detailed = invocation.is_detailed
    done = apply_file(env, options, invocation.listener, saved=shown, detailed=detailed)
    return show_outcome(done, invocation.terminal, detail=invocation.detail)
