"""Verbs that make their own plan: their flags, and how their pass is run and shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from reconciler.cli.diff_flags import FullOption, NoDiffOption, StatOption, detail_of
from reconciler.cli.invocation import WaitingInvocation
from reconciler.cli.ui.diff import Detail
from reconciler.cli.ui.outcome import show_outcome
from reconciler.cli.ui.plan import FOR_A_COMMAND, Page, render_plan
from reconciler.errors import ExitCode
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.reconcile.change import change
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.readers import check_there, steadily

_MAX_MESSAGE_CHARACTERS: Final = 1000


def _message(value: str) -> str:
    if len(value) > _MAX_MESSAGE_CHARACTERS:
        raise typer.BadParameter(f"it has more than {_MAX_MESSAGE_CHARACTERS} characters")
    return value


class ChangingInvocation(WaitingInvocation, frozen=True, kw_only=True, dict=True):
    """Of a verb that changes what it names, or with ``--dry-run`` only shows what it would do."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False
    stat: StatOption = False
    full: FullOption = False
    no_diff: NoDiffOption = False
    message: Annotated[
        str,
        typer.Option(
            "--message", "-m", metavar="TEXT", callback=_message, show_default=False, help="Why, for 'history'."
        ),
    ] = ""

    @cached_property
    def env(self) -> Environment:
        made: Environment = super().env
        return replace(made, message=self.message.strip())

    @cached_property
    def detail(self) -> Detail:
        """How much is shown of what changes inside an item."""
        return detail_of(stat=self.stat, full=self.full, no_diff=self.no_diff)

    @property
    def is_detailed(self) -> bool:
        """Whether the changes inside each item are wanted, once they are made."""
        return self.detail is not Detail.NONE and (super().is_detailed or self.detail is not Detail.SHORT)

    def run(self, propose: Callable[[], Proposal], *, creates: bool = False) -> int:
        """Do what ``propose`` plans, or only show it; the exit code. The verb may be one that ``creates`` a home."""
        if self.dry_run:
            return self.preview(propose, creates=creates)
        file, listener, is_detailed = self.named_file, self.listener, self.is_detailed

        def propose_as_shown() -> Proposal:
            return _explained(propose()) if is_detailed else propose()

        return self.show(change(self.env, file, listener, propose_as_shown, creates=creates))

    def preview(self, propose: Callable[[], Proposal], *, creates: bool) -> int:
        """Show what would be done; the exit code."""
        detail = self.detail
        if not creates:
            check_there(Home(self.env.home))
        proposal = steadily(Home(self.env.home), propose)
        plan = proposal.plan if detail is Detail.NONE else _explained(proposal).plan
        page = Page(style=self.terminal.style, columns=self.terminal.columns, wording=FOR_A_COMMAND, detail=detail)
        code = ExitCode.REFUSED if plan.refusals else ExitCode.OK
        return self.answer(plan.to_document(), render_plan(plan, page), code, is_long=True)

    def show(self, done: Outcome) -> int:
        """Show what was done; the exit code."""
        return show_outcome(done, self.terminal, FOR_A_COMMAND, self.detail)


def _explained(proposal: Proposal) -> Proposal:
    from reconciler.reconcile.explain import explained  # most changes are made without being shown in detail

    return explained(proposal)
