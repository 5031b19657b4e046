"""``llamagate plan``: what an apply would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.flags import path_option
from reconciler.cli.invocation import Invocation
from reconciler.cli.output_file import check_output, write_output
from reconciler.cli.pass_flags import PassFlags
from reconciler.cli.saved_plan import saved_plan_bytes
from reconciler.cli.ui.plan import render_plan
from reconciler.errors import ExitCode
from reconciler.model.plan import Plan
from reconciler.queries.plan import read_plan


def plan(
    invocation: Invocation,
    flags: PassFlags,
    out: Annotated[Path | None, path_option("--out", help="Also save the plan, for 'apply FILE'.")] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="2: changes pending. 3: drift only. 5: refused.")
    ] = False,
) -> int:
    """Show what would change and why. Nothing is changed."""
    options = flags.options(invocation.file)
    if out is not None:
        check_output(out, invocation.file)
    env = replace(invocation.env, offline=flags.offline)
    found = read_plan(env, options, invocation.terminal.progress)
    if out is not None:
        write_output(out, saved_plan_bytes(found, options))
    text = render_plan(found, invocation.terminal.style)
    return invocation.answer(found.to_document(), text, _exit_code(found) if detailed_exitcode else ExitCode.OK)


def _exit_code(plan: Plan) -> ExitCode:
    if plan.refusals:
        return ExitCode.REFUSED
    if plan.changes:
        return ExitCode.CHANGES_PENDING
    return ExitCode.DRIFT if plan.drift else ExitCode.OK
