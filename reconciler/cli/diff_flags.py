"""The flags that say how much is shown of what changes inside an item."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.ui.diff import Detail
from reconciler.errors import UsageError

StatOption = Annotated[bool, typer.Option("--stat", help="Of each file that changes show only how many lines.")]
FullOption = Annotated[bool, typer.Option("--full", help="Show every line that changes, however many there are.")]
NoDiffOption = Annotated[
    bool, typer.Option("--no-diff", help="Do not look inside the items: show no lines and no marks.")
]


def detail_of(*, stat: bool, full: bool, no_diff: bool) -> Detail:
    """How much of the changes inside an item is asked for."""
    if stat + full + no_diff > 1:
        raise UsageError("use only one of --stat, --full and --no-diff")
    return Detail.NONE if no_diff else Detail.STAT if stat else Detail.FULL if full else Detail.SHORT
