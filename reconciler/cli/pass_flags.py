"""The flags of a pass over the whole file: what it covers, and what it may do beyond the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from reconciler.cli.flags import ITEM_OPTION, LockedOption, OfflineOption, OverwriteOption
from reconciler.cli.item import words_of
from reconciler.planning.intent import Allowances
from reconciler.reconcile.options import Options


class PassFlags(Struct, frozen=True, kw_only=True):
    """How ``plan`` and ``apply`` run their pass."""

    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar=ITEM_OPTION, help="Only this item and what it depends on; may be repeated."),
    ] = None
    locked: LockedOption = False
    offline: OfflineOption = False
    allow_prune: Annotated[bool, typer.Option("--allow-prune", help="Permit more removals than policy.max_prune.")] = (
        False
    )
    overwrite: OverwriteOption = False
    take_over: Annotated[
        list[str] | None,
        typer.Option(
            "--take-over",
            metavar=ITEM_OPTION,
            help="Replace this item, even if llamagate did not install it; may be repeated.",
        ),
    ] = None
    take_over_all: Annotated[
        bool,
        typer.Option("--take-over-all", help="Replace every item that another tool or another file installed."),
    ] = False

    def options(self, file: Path) -> Options:
        """The same as the pass takes it."""
        taken = None if self.take_over_all else words_of(self.take_over)
        allowances = Allowances(prune=self.allow_prune, overwrite=self.overwrite, take_over=taken)
        return Options(file=file, only=words_of(self.only), locked=self.locked, allowances=allowances)
