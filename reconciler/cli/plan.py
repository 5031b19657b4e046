"""``llamagate plan``: what an apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from reconciler.cli.apply_command import apply_command, apply_saved_command
from reconciler.cli.flags import path_option
from reconciler.cli.invocation import Invocation
from reconciler.cli.pass_flags import PassFlags
from reconciler.cli.plan_format import DoneBy, PlanFlags
from reconciler.errors import ExitCode
from reconciler.model.plan import Plan
from reconciler.planning.review import review
from reconciler.queries.plan import Depth, read_plan
from reconciler.reconcile.options import Options


def plan(
    invocation: Invocation,
    flags: PassFlags,
    shown: PlanFlags,
    out: Annotated[Path | None, path_option("--out", help="Save the plan, too; 'apply FILE' does it.")] = None,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit with 2: changes are pending; 3: drift only."),
    ] = False,
    no_secrets: Annotated[
        bool,
        typer.Option("--no-secrets", help="Read no variable and no file that a config names; say what is unknown."),
    ] = False,
) -> int:
    """Show what 'apply' would change, and why. Nothing is changed.

    Example: llamagate plan
    Example: llamagate plan --detailed-exitcode --out plan.json
    Example: llamagate plan --format markdown --no-secrets
    Exit codes: 0, 1, 2, 3, 4, 5 refused; or the plan has refusals, 7, 8
    """
    shown.prepare(invocation)
    options = flags.options(invocation.file)
    if no_secrets:
        options = replace(options, with_values=False)
    depth = shown.depth(invocation, is_saved=out is not None)
    found = _saved(invocation, flags, options, depth, out) if out else read(invocation, flags, options, depth)
    is_saved = out is not None and not no_secrets
    return show(invocation, found, shown, options, saved=out if is_saved else None, with_code=detailed_exitcode)


def _saved(invocation: Invocation, flags: PassFlags, options: Options, depth: Depth, out: Path) -> Plan:
    from reconciler.cli.output_file import check_output, write_output  # only a plan that is saved needs them
    from reconciler.cli.saved_plan import saved_plan_bytes

    check_output(out, invocation.file, invocation.lock_file)
    found = read(invocation, flags, options, depth)
    write_output(out, saved_plan_bytes(found, options, out=out))
    return found


def read(invocation: Invocation, flags: PassFlags, options: Options, depth: Depth) -> Plan:
    """The plan of an apply."""
    env = replace(invocation.env, offline=flags.offline)
    return read_plan(env, options, invocation.terminal.progress, depth=depth)


def show(
    invocation: Invocation,
    plan: Plan,
    shown: PlanFlags,
    options: Options,
    *,
    saved: Path | None = None,
    with_code: bool = False,
) -> ExitCode:
    """Show a plan that was made with ``options``, and that an apply of the file ``saved`` does, where there is one.

    The exit code; ``with_code`` the one that says what the plan holds.
    """
    code = ExitCode.REFUSED if plan.refusals else ExitCode.OK
    if with_code:
        code = detailed_code(refused=bool(plan.refusals), pending=plan.pending, drift=bool(plan.drift))
    command = apply_command(options, home=invocation.home, lock_file=invocation.lock_file)
    by_file = apply_saved_command(saved, home=invocation.home) if saved else None
    return shown.show(invocation, review(plan), plan.to_document(), code, DoneBy(command=command, by_file=by_file))


def detailed_code(*, refused: bool, pending: bool, drift: bool) -> ExitCode:
    """The exit code of ``--detailed-exitcode``: the most important thing that an apply would meet."""
    if refused:
        return ExitCode.REFUSED
    if pending:
        return ExitCode.CHANGES_PENDING
    return ExitCode.DRIFT if drift else ExitCode.OK
