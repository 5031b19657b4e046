"""``llamagate show``: a saved plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.plan_format import PlanFlags
from reconciler.cli.saved_plan import plan_document
from reconciler.errors import ExitCode
from reconciler.model.digest import Digest
from reconciler.model.plan import Plan
from reconciler.planning.review import review


def show(
    invocation: Invocation,
    shown: PlanFlags,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", readable=False, help="A plan saved with 'plan --out'.")],
) -> int:
    """Show a saved plan, as 'plan' showed it. The home is not looked at.

    Example: llamagate show plan.json
    Example: llamagate show plan.json --format markdown
    Exit codes: 0, 1
    """
    shown.prepare(invocation)
    document = plan_document(plan)
    digest = str(document.get("digest") or document.get("fingerprint") or "")  # older versions saved the second alone
    return shown.show(invocation, review(Plan.from_document(document), digest=Digest(digest)), document, ExitCode.OK)
