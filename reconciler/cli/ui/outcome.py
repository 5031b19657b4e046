"""What a command that changes the home says at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from reconciler.cli.gateway_hint import gateway_hints
from reconciler.cli.ui.diff import Detail
from reconciler.cli.ui.error import error_document, render_error
from reconciler.cli.ui.plan import FOR_A_FILE, Page, Wording, render_plan, render_refusals
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode
from reconciler.model.environment import Environment
from reconciler.model.note import notes_once
from reconciler.reconcile.gateway import Reload
from reconciler.reconcile.outcome import Outcome


def show_outcome(
    done: Outcome, terminal: Terminal, wording: Wording = FOR_A_FILE, detail: Detail = Detail.SHORT
) -> int:
    """Say what was done, or why nothing was; the exit code."""
    for line in notes_once(done.warnings):
        terminal.notice(line)
    for reload in (done.reload, done.gone_back.reload if done.gone_back else None):
        for line in _about(reload, done.proposal.state.env) if reload else ():
            terminal.notice(line)
    missed = done.reload_error
    if terminal.as_json:
        terminal.document(done.document() | (error_document(missed) if missed else {}))
    page = Page(style=terminal.style, columns=terminal.columns, done=True, wording=wording, detail=detail)
    said = render_plan(done.plan, page)
    if back := done.gone_back:
        said += f"\nUndone: the items of generation {back.to} are back as generation {back.generation}."
    terminal.result(said)
    if done.plan.refusals:
        if terminal.quiet:
            terminal.error(render_refusals(done.plan, replace(page, style=terminal.error_style)))
        return ExitCode.REFUSED
    if missed is not None:
        terminal.error(render_error(missed, terminal.error_style))
        return missed.exit_code
    return ExitCode.OK


def _about(reload: Reload, env: Environment) -> Iterator[str]:
    yield reload.message
    yield from reload.notes
    if not reload.reloaded:
        yield from gateway_hints(env, reload.url, reload.state, Path.cwd())
