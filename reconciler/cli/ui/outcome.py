"""What a command that changes the home says at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.ui.plan import Wording
    from reconciler.reconcile.change import Explain
    from reconciler.reconcile.outcome import Outcome


def show_outcome(done: Outcome, terminal: Terminal, wording: Wording | None = None) -> int:
    """Say what was done, or why nothing was; the exit code."""
    from reconciler.cli.ui.plan import FOR_A_FILE, render_plan, render_refusals

    for warning in done.warnings:
        terminal.notice(warning)
    for reload in (done.reload, done.gone_back.reload if done.gone_back else None):
        for line in (reload.message, *reload.notes) if reload else ():
            terminal.notice(line)
    terminal.document(done.document())
    terminal.result(render_plan(done.plan, terminal.style, done=True, wording=wording or FOR_A_FILE))
    if done.plan.refusals:
        if terminal.quiet:
            terminal.error(render_refusals(done.plan, terminal.error_style))
        return ExitCode.REFUSED
    missed = done.reload_error
    if missed is not None:
        from reconciler.cli.ui.text import render_error

        terminal.error(render_error(missed, terminal.error_style))
        return missed.exit_code
    return ExitCode.OK


def explainer() -> Explain:
    """What fills in the changes inside each package."""
    from reconciler.reconcile.explain import explained  # it reads manifests, and compares them with a library

    return explained
