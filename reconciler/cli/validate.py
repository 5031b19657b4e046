"""``llamagate validate``: check desired states and packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec.structs import replace

from reconciler.cli.flags import OfflineOption, paths_argument
from reconciler.cli.invocation import Invocation
from reconciler.model.config import JsonObject
from reconciler.model.note import notes_once
from reconciler.queries.validate import validate as validate_all


def validate(
    invocation: Invocation,
    targets: Annotated[
        list[Path] | None,
        paths_argument(
            metavar="[FILE|PACKAGE|FOLDER]...",
            help="Each a llamagate.yaml; or a package: a folder or an archive; or a folder of packages.",
        ),
    ] = None,
    offline: OfflineOption = False,
) -> int:
    """Check a llamagate.yaml, or packages, for mistakes.

    A llamagate.yaml is checked with all of its packages, and a folder with all
    that are in it. What is installed is not looked at.

    Example: llamagate validate
    Example: llamagate validate ./packages/greeter
    Example: llamagate validate ./packages
    Exit codes: 0 valid, 1 a mistake was found; or the check failed, 5, 8
    """
    checked = validate_all(replace(invocation.env, offline=offline), targets or [invocation.named_file])
    for warning in notes_once(checked.warnings):
        invocation.terminal.notice(f"warning: {warning}")
    document: JsonObject = {
        "valid": True,
        "checked": [*checked.lines],
        "warnings": [note.to_document() for note in checked.warnings],
    }
    return invocation.answer(document, "\n".join(checked.lines))
