"""``llamagate show``: all that is known of one item, or a saved plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.apply_command import apply_command, apply_saved_command
from reconciler.cli.flags import ITEM_HELP
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import typed
from reconciler.cli.plan_format import DoneBy, PlanFlags
from reconciler.cli.saved_plan import plan_document, saved_options
from reconciler.errors import ExitCode, UsageError
from reconciler.model.digest import Digest
from reconciler.model.ids import id_problem
from reconciler.model.plan import Plan
from reconciler.planning.review import review

CatalogOption = Annotated[
    list[str] | None,
    typer.Option("--catalog", metavar="DIR|URL", help="Look in this catalog; may be repeated.  [default: the file's]"),
]


def show(
    invocation: Invocation,
    shown: PlanFlags,
    words: Annotated[
        list[str],
        typer.Argument(metavar="[TYPE] ID|PLAN", show_default=False, help=f"{ITEM_HELP} Or a saved plan."),
    ],
    catalog: CatalogOption = None,
) -> int:
    """Show all that is known of one item; or a saved plan.

    Its version, source and pin, each configuration value with where it comes from,
    files, routes, what needs it, what changed it, and backups. Secrets are hidden.
    What is not installed is looked for in the catalogs that llamagate.yaml names.
    For a saved plan the home is not looked at.

    Example: llamagate show greeter
    Example: llamagate show greeter --catalog ./catalog
    Example: llamagate show plan.json --format markdown
    Exit codes: 0, 1, 5, 7, 8
    """
    shown.prepare(invocation)
    if len(words) == 1 and _is_file(words[0]):
        return _show_plan(invocation, shown, Path(words[0]))
    if shown.format == "markdown":
        raise UsageError("--format markdown is for a saved plan", advice="name the file that 'plan --out' wrote")
    return _show_item(invocation, words, catalog or [], is_full=shown.full or invocation.verbose > 0)


def _is_file(word: str) -> bool:
    return "/" in word or word.endswith(".json") or (id_problem(word) is not None and Path(word).is_file())


def _show_plan(invocation: Invocation, shown: PlanFlags, plan: Path) -> ExitCode:
    document = plan_document(plan)
    digest = str(document.get("digest") or document.get("fingerprint") or "")  # older versions saved the second alone
    options = saved_options(document, plan)
    done_by = DoneBy(
        command=apply_command(options, home=invocation.home) if options else "llamagate apply",
        by_file=apply_saved_command(plan, home=invocation.home) if "fingerprint" in document else None,
    )
    found = review(Plan.from_document(document), digest=Digest(digest))
    return shown.show(invocation, found, document, ExitCode.OK, done_by)


def _show_item(invocation: Invocation, words: list[str], catalogs: list[str], *, is_full: bool) -> ExitCode:
    from reconciler.cli.ui.item_page import render_show  # a saved plan needs nothing of an item
    from reconciler.queries.show import read_show

    kind, text = typed(words, "ID")
    progress = invocation.terminal.progress
    found = read_show(invocation.env, invocation.named_file, text, kind, catalogs=catalogs, progress=progress)
    return invocation.answer(found.to_document(), render_show(found, invocation.terminal.style, is_full=is_full))
