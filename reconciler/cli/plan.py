"""``llamagate plan``: what an apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from reconciler.cli.diff_flags import FullOption, NoDiffOption, StatOption, detail_of
from reconciler.cli.flags import path_option
from reconciler.cli.invocation import Invocation
from reconciler.cli.pass_flags import PassFlags
from reconciler.cli.ui.diff import Detail
from reconciler.cli.ui.plan import render_plan
from reconciler.errors import ExitCode
from reconciler.model.plan import Plan
from reconciler.queries.plan import read_plan


def plan(
    invocation: Invocation,
    flags: PassFlags,
    out: Annotated[Path | None, path_option("--out", help="Save the plan, too; 'apply FILE' does it.")] = None,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit with 2: changes are pending; 3: drift only."),
    ] = False,
    stat: StatOption = False,
    full: FullOption = False,
    no_diff: NoDiffOption = False,
) -> int:
    """Show what 'apply' would change, and why. Nothing is changed.

    Example: llamagate plan
    Example: llamagate plan --detailed-exitcode --out plan.json
    Exit codes: 0, 1, 2, 3, 4, 5 refused; or the plan has refusals, 7, 8
    """
    detail = detail_of(stat=stat, full=full, no_diff=no_diff)
    found = read(invocation, flags, detail) if out is None else _saved(invocation, flags, detail, out)
    return show(invocation, found, detail, with_code=detailed_exitcode)


def _saved(invocation: Invocation, flags: PassFlags, detail: Detail, out: Path) -> Plan:
    from reconciler.cli.output_file import check_output, write_output  # only a plan that is saved needs them
    from reconciler.cli.saved_plan import saved_plan_bytes

    check_output(out, invocation.file, invocation.lock_file)
    found = read(invocation, flags, detail)
    write_output(out, saved_plan_bytes(found, flags.options(invocation.file), out=out))
    return found


def read(invocation: Invocation, flags: PassFlags, detail: Detail) -> Plan:
    """The plan of an apply."""
    env = replace(invocation.env, offline=flags.offline)
    options, progress = flags.options(invocation.file), invocation.terminal.progress
    return read_plan(env, options, progress, detailed=detail is not Detail.NONE)


def show(invocation: Invocation, plan: Plan, detail: Detail, *, with_code: bool = False) -> ExitCode:
    """Show the plan of an apply; the exit code, ``with_code`` the one that says what the plan holds."""
    code = ExitCode.REFUSED if plan.refusals else ExitCode.OK
    if with_code:
        code = detailed_code(refused=bool(plan.refusals), pending=plan.pending, drift=bool(plan.drift))
    text = render_plan(plan, invocation.terminal.style, detail=detail)
    return invocation.answer(plan.to_document(), text, code)


def detailed_code(*, refused: bool, pending: bool, drift: bool) -> ExitCode:
    """The exit code of ``--detailed-exitcode``: the most important thing that an apply would meet."""
    if refused:
        return ExitCode.REFUSED
    if pending:
        return ExitCode.CHANGES_PENDING
    return ExitCode.DRIFT if drift else ExitCode.OK
