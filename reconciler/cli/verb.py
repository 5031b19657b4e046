"""The verbs that make their own plan: the flags that they share, and how their pass is run and shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.outcome import explainer, show_outcome
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.model.environment import Environment
    from reconciler.model.listener import Listener
    from reconciler.reconcile.change import Explain
    from reconciler.reconcile.outcome import Outcome
    from reconciler.reconcile.proposal import Proposal

SaveOption = Annotated[
    bool, typer.Option("--save", help="Also write it into the desired state, so that the next apply keeps it.")
]
ItemArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="[TYPE] ID",
        show_default=False,
        help="The item, by id, else by name. TYPE: extension (ext) or agentic-module (module, am).",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Where a verb runs, and how it speaks. ``wait`` in seconds."""

    env: Environment
    file: Path
    terminal: Terminal
    wait: float
    dry_run: bool
    verbose: bool

    def run(self, look: Callable[[], Proposal]) -> int:
        """Carry out what ``look`` plans, or only show it."""
        from reconciler.reconcile.change import change

        if self.dry_run:
            return self.preview(look)
        return self.show(change(self.env, self.file, self.watch, look, explain=self.explain))

    def preview(self, look: Callable[[], Proposal]) -> int:
        """Show what would be done."""
        from reconciler.cli.ui.plan import FOR_A_COMMAND, render_plan
        from reconciler.model.home import Home
        from reconciler.reconcile.readers import steadily

        proposal = steadily(Home(self.env.home), look)
        plan = self.explain(proposal) if self.explain else proposal.plan
        self.terminal.document(plan.to_document())
        self.terminal.result(render_plan(plan, self.terminal.style, wording=FOR_A_COMMAND))
        return ExitCode.REFUSED if plan.refusals else ExitCode.OK

    def show(self, done: Outcome) -> int:
        """Show what was done; the exit code."""
        from reconciler.cli.ui.plan import FOR_A_COMMAND

        return show_outcome(done, self.terminal, FOR_A_COMMAND)

    @property
    def watch(self) -> Listener:
        from reconciler.model.listener import Listener

        return Listener(wait=self.wait, notice=self.terminal.notice, progress=self.terminal.progress)

    @property
    def explain(self) -> Explain | None:
        return explainer() if self.terminal.as_json or self.verbose else None


def _command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    wait: options.WaitOption = options.DEFAULT_WAIT_SECONDS,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
    no_color: options.NoColorOption = False,
) -> Invocation:
    """The flags that all of these verbs have."""
    return Invocation(
        env=options.environment(home),
        file=options.named_file(file),
        terminal=Terminal(as_json=as_json, quiet=quiet, no_color=no_color),
        wait=wait,
        dry_run=dry_run,
        verbose=verbose,
    )


@dataclass(frozen=True, slots=True)
class ChangingVerb:
    """Marks a verb that takes a ``Invocation`` and flags of its own."""

    verb: Callable[..., int]

    def flagged(self) -> Callable[..., int]:
        """The verb as typer takes it: its own flags, then the shared ones."""
        own = [*inspect.signature(self.verb, eval_str=True).parameters.values()][1:]
        shared = inspect.signature(_command, eval_str=True).parameters

        def run(**given: Any) -> int:
            return self.verb(_command(**{name: given.pop(name) for name in shared}), **given)

        run.__signature__ = inspect.Signature([*own, *shared.values()])  # type: ignore[attr-defined]
        run.__doc__ = self.verb.__doc__
        return run
