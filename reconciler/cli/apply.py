"""``llamagate apply``: make the home match the file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.pass_flags import PassFlags
from reconciler.cli.plan import read, show
from reconciler.cli.plan_format import PlanFlags
from reconciler.cli.saved_plan import read_saved_plan
from reconciler.cli.shared_flags import DEFAULT_FILE
from reconciler.cli.ui.outcome import show_outcome
from reconciler.cli.ui.terminal import flush_output
from reconciler.cli.ui.words import moment
from reconciler.commands.apply import Expected, Shown
from reconciler.commands.apply import apply as apply_file
from reconciler.commands.confirm import Pending
from reconciler.errors import PlanStaleError, StorageError, UsageError
from reconciler.fs.presence import is_there
from reconciler.model.environment import Environment
from reconciler.model.regex import regex
from reconciler.reconcile.options import Options

_TIME: Final = regex(r"([0-9]{1,6})([smh]?)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_MAX_SECONDS: Final = 24 * 3600
_DIGEST: Final = regex(r"[0-9a-f]{64}")


def _digest(text: str | None) -> str | None:
    if text is None:
        return None
    digits = text.strip().removeprefix("sha256:")
    if not _DIGEST.fullmatch(digits):
        raise typer.BadParameter("expected the digest of a plan: sha256: and 64 hexadecimal digits")
    return f"sha256:{digits}"


def apply(
    invocation: ChangingInvocation,
    flags: PassFlags,
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", readable=False, help="A plan saved with 'plan --out'.")
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect",
            metavar="DIGEST",
            callback=_digest,
            help="Do it only if the plan has this digest; else exit with 9.",
        ),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm",
            metavar="TIME",
            help="Wait for 'llamagate confirm' so long, such as 30s or 5m; without it undo the change.",
        ),
    ] = None,
) -> int:
    """Make the home match llamagate.yaml: install, update, remove.

    It makes all of the changes or none of them. With PLAN it does what that saved plan says, or nothing;
    where its llamagate.yaml was elsewhere, that of this folder or of -f is used if the plan is the same.
    With --confirm it waits in front until somebody runs 'llamagate confirm'; ended before, by
    any signal, it undoes the change.
    'apply --dry-run' is 'plan'. A plan shows its digest; --expect DIGEST applies that plan and no other.

    Example: llamagate apply
    Example: llamagate apply plan.json
    Example: llamagate apply --confirm 5m
    Exit codes: 0, 1, 4, 5, 6 failed and rolled back; or not confirmed and undone, 7, 8,
    9 the saved plan is stale; or another program kept changing the file or its lock, 10
    """
    if invocation.dry_run:
        if plan is not None:
            raise UsageError("--dry-run makes a new plan; leave out the saved plan")
        return _preview(invocation, flags, expect)
    options = flags.options(invocation.file)
    shown: Shown | Expected | None = Expected(expect) if expect else None
    if plan is not None:
        if options != Options(file=invocation.file):
            raise UsageError("a saved plan has its own options; leave them out")
        saved = read_saved_plan(plan)
        if expect not in (None, saved.digest):
            raise PlanStaleError(f"{plan} is another plan than --expect says: its digest is {saved.digest}")
        options, shown = saved.options, saved.shown
        if invocation.file != DEFAULT_FILE or (is_there(invocation.file) and not is_there(options.file)):
            options = replace(options, file=invocation.file)
    env = replace(invocation.env, offline=flags.offline)
    detailed = invocation.is_detailed
    if confirm is not None:
        return _confirmed(invocation, env, options, shown, _seconds(confirm))
    done = apply_file(env, options, invocation.listener, saved=shown, detailed=detailed)
    return show_outcome(done, invocation.terminal, detail=invocation.detail)


def _seconds(text: str) -> int:
    found = _TIME.fullmatch(text.strip())
    seconds = int(found[1]) * _SECONDS[found[2] or "s"] if found else 0
    if not 0 < seconds <= _MAX_SECONDS:
        raise UsageError(f"--confirm {text}: expected a time of at most a day, such as 30s, 5m or 1h")
    return seconds


def _confirmed(
    invocation: ChangingInvocation, env: Environment, options: Options, shown: Shown | Expected | None, seconds: int
) -> int:
    """Apply, show it at once, and wait until it is confirmed; the one document of ``--json`` comes at the end."""
    terminal, detail = invocation.terminal, invocation.detail
    with Pending(env, options.file, invocation.listener, seconds) as pending:
        done = apply_file(
            env, options, invocation.listener, saved=shown, detailed=invocation.is_detailed, pending=pending
        )
        if pending.confirm_by is None or done.gone_back is not None:
            return show_outcome(done, terminal, detail=detail)
        code = done.reload_error.exit_code if done.reload_error else 0
        with suppress(StorageError):  # an output that is full is no reason to leave what waits
            if not terminal.as_json:
                show_outcome(done, terminal, detail=detail)
            flush_output()
        until = moment(pending.confirm_by.until)
        terminal.notice(
            f"run 'llamagate confirm' until {until} (UTC) to keep it; else, or when this ends, it is undone"
        )
        pending.wait()
    if terminal.as_json:
        return show_outcome(done, terminal, detail=detail)
    terminal.result("Confirmed.")
    return code


def _preview(invocation: ChangingInvocation, flags: PassFlags, expect: str | None) -> int:
    shown = PlanFlags(stat=invocation.stat, full=invocation.full, no_diff=invocation.no_diff)
    options = flags.options(invocation.file)
    found = read(invocation, flags, options, shown.depth(invocation))
    code = show(invocation, found, shown, options)
    if expect:
        Expected(expect).check(found)
    return code
