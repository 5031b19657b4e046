"""``llamagate apply``: make the home match the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import DEFAULT_FILE, WaitingInvocation
from reconciler.cli.pass_flags import PassFlags
from reconciler.cli.saved_plan import read_saved_plan
from reconciler.cli.ui.outcome import show_outcome
from reconciler.commands.apply import apply as apply_file
from reconciler.errors import UsageError
from reconciler.reconcile.proposal import Options


def apply(
    invocation: WaitingInvocation,
    flags: PassFlags,
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", readable=False, help="A plan saved with 'plan --out'.")
    ] = None,
) -> int:
    """Make the home match the file: all of it, or nothing."""
    options, fingerprint = flags.options(invocation.file), ""
    if plan is not None:
        if options != Options(file=DEFAULT_FILE):
            raise UsageError("a saved plan holds its own file and options; leave out those of 'plan' here")
        options, fingerprint = read_saved_plan(plan)
    env = replace(invocation.env, offline=flags.offline)
    detailed = invocation.is_detailed
    done = apply_file(env, options, invocation.listener, saved=fingerprint, detailed=detailed)
    return show_outcome(done, invocation.terminal)
