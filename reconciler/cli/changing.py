"""Verbs that make their own plan: their flags, and how their pass is run and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from reconciler.cli.invocation import WaitingInvocation
from reconciler.cli.ui.outcome import show_outcome
from reconciler.cli.ui.plan import FOR_A_COMMAND, render_plan
from reconciler.errors import ExitCode
from reconciler.model.home import Home
from reconciler.reconcile.change import change
from reconciler.reconcile.explain import explained
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.readers import check_there, steadily


class ChangingInvocation(WaitingInvocation, frozen=True, kw_only=True, dict=True):
    """Of a verb that changes what it names, or with ``--dry-run`` only shows what it would do."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False

    def run(self, propose: Callable[[], Proposal], *, creates: bool = False) -> int:
        """Do what ``propose`` plans, or only show it; the exit code. The verb may be one that ``creates`` a home."""
        if self.dry_run:
            return self.preview(propose, creates=creates)
        file, listener = self.named_file, self.listener
        return self.show(change(self.env, file, listener, lambda: self._detailed(propose()), creates=creates))

    def preview(self, propose: Callable[[], Proposal], *, creates: bool) -> int:
        """Show what would be done; the exit code."""
        if not creates:
            check_there(Home(self.env.home))
        plan = self._detailed(steadily(Home(self.env.home), propose)).plan
        text = render_plan(plan, self.terminal.style, wording=FOR_A_COMMAND)
        return self.answer(plan.to_document(), text, ExitCode.REFUSED if plan.refusals else ExitCode.OK)

    def show(self, done: Outcome) -> int:
        """Show what was done; the exit code."""
        return show_outcome(done, self.terminal, FOR_A_COMMAND)

    def _detailed(self, proposal: Proposal) -> Proposal:
        return explained(proposal) if self.is_detailed else proposal
