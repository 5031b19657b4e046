"""How every command that changes the home runs its pass and shows what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.terminal import Terminal
from reconciler.errors import ExitCode, NotReloadedError

if TYPE_CHECKING:
    from reconciler.cli.render_plan import Wording
    from reconciler.model.environment import Environment
    from reconciler.reconcile.changing import Explain, Outcome
    from reconciler.reconcile.looking import Looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verb that makes its own plan: where it runs, and how it speaks. ``wait`` in seconds."""

    env: Environment
    file: Path
    terminal: Terminal
    wait: float
    dry_run: bool
    verbose: bool

    def run(self, look: Callable[[], Looked]) -> int:
        """Carry out what ``look`` plans, or only show it."""
        from reconciler.reconcile.changing import Watch, change

        if self.dry_run:
            return self.preview(look)
        watch = Watch(wait=self.wait, notice=self.terminal.notice, progress=self.terminal.progress)
        return self.show(change(self.env, self.file, watch, look, explain=self.explain))

    def preview(self, look: Callable[[], Looked]) -> int:
        """Show what would be done."""
        from reconciler.cli.render_plan import FOR_A_COMMAND, render_plan
        from reconciler.model.home import Home
        from reconciler.reconcile.reading import steadily

        looked = steadily(Home(self.env.home), look)
        plan = self.explain(looked) if self.explain else looked.plan
        self.terminal.document(plan.to_document())
        self.terminal.result(render_plan(plan, self.terminal.style, wording=FOR_A_COMMAND))
        return ExitCode.REFUSED if plan.refusals else ExitCode.OK

    def show(self, done: Outcome) -> int:
        from reconciler.cli.render_plan import FOR_A_COMMAND

        return show_outcome(done, self.terminal, FOR_A_COMMAND)

    @property
    def explain(self) -> Explain | None:
        return explainer() if self.terminal.as_json or self.verbose else None


def show_outcome(done: Outcome, terminal: Terminal, wording: Wording | None = None) -> int:
    """Say what was done, or why nothing was; the exit code."""
    from reconciler.cli.render_plan import FOR_A_FILE, render_plan, render_refusals

    for warning in done.warnings:
        terminal.notice(warning)
    if done.reload is not None:
        terminal.notice(done.reload.message)
    terminal.document(done.document())
    terminal.result(render_plan(done.plan, terminal.style, done=True, wording=wording or FOR_A_FILE))
    if done.plan.refusals:
        if terminal.quiet:
            terminal.error(render_refusals(done.plan, terminal.error_style))
        return ExitCode.REFUSED
    if done.reload_failed:
        from reconciler.cli.render import render_error

        missed = NotReloadedError("all is applied, but the gateway was not reloaded, and 'reload: required' is set")
        terminal.error(render_error(missed, terminal.error_style))
        return missed.exit_code
    return ExitCode.OK


def explainer() -> Explain:
    """What fills in the changes inside each package."""
    from reconciler.reconcile.explaining import explained  # it reads manifests, and compares them with a library

    return explained
