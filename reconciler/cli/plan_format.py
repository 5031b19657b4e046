"""In which form a plan is shown."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from msgspec import Struct

from reconciler.cli.diff_flags import FullOption, NoDiffOption, StatOption, detail_of
from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.diff import Detail
from reconciler.cli.ui.plan import Page, Wording, render_review
from reconciler.errors import ExitCode, UsageError
from reconciler.model.config import JsonObject
from reconciler.planning.review import Review
from reconciler.queries.plan import Depth

Format = Literal["text", "json", "markdown"]
_HELP = "How to show it: text; json, the same as --json; markdown, for a pull request."


class DoneBy(Struct, frozen=True, kw_only=True):
    """The command that does a plan: anywhere, with its flags; and here, where the plan is in a file."""

    command: str
    by_file: str | None = None


class PlanFlags(Struct, frozen=True, kw_only=True):
    """How a plan is shown."""

    format: Annotated[Format, typer.Option("--format", metavar="text|json|markdown", help=_HELP)] = "text"
    stat: StatOption = False
    full: FullOption = False
    no_diff: NoDiffOption = False

    @property
    def detail(self) -> Detail:
        """How much is shown of what changes inside an item."""
        return detail_of(stat=self.stat, full=self.full, no_diff=self.no_diff)

    def depth(self, invocation: Invocation, *, is_saved: bool = False) -> Depth:
        """How much the plan must say of what changes inside an item."""
        if self.detail is Detail.NONE:
            return Depth.NOTHING
        is_a_page = self.detail is Detail.SHORT and self.format == "text" and not (is_saved or invocation.as_json)
        return Depth.FIRST if is_a_page else Depth.WHOLE

    def prepare(self, invocation: Invocation) -> None:
        """Check the flags; errors are JSON from now on where the plan is to be."""
        if invocation.as_json and self.format == "markdown":
            raise UsageError("use only one of --json and --format markdown")
        _ = self.detail
        if self.format == "json":
            invocation.terminal.as_json = True

    def show(
        self,
        invocation: Invocation,
        found: Review,
        document: JsonObject,
        code: ExitCode,
        done_by: DoneBy,
    ) -> ExitCode:
        """Show it; ``document`` is its JSON."""
        terminal = invocation.terminal
        if self.format != "markdown":
            page = Page(
                style=terminal.style,
                columns=terminal.columns,
                detail=self.detail,
                wording=Wording(command=done_by.by_file or done_by.command),
            )
            return invocation.answer(document, render_review(found, page), code, is_long=True)
        from reconciler.cli.ui.markdown import render_markdown  # most plans are shown as text

        terminal.result(render_markdown(found, self.detail, done_by.command))
        return code
