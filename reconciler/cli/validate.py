"""``llamagate validate``: check a desired state, or a package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from reconciler.cli.flags import OfflineOption
from reconciler.cli.invocation import Invocation
from reconciler.model.config import JsonObject
from reconciler.model.source import TAR_SUFFIXES
from reconciler.queries.validate import validate_desired, validate_package


def validate(
    invocation: Invocation,
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|PACKAGE]", readable=False, help="A llamagate.yaml, or a package: a folder or an archive."
        ),
    ] = None,
    offline: OfflineOption = False,
) -> int:
    """Check a llamagate.yaml, or one package, for mistakes.

    A llamagate.yaml is checked with all of its packages. What is installed is not looked at.

    Example: llamagate validate
    Example: llamagate validate ./packages/greeter
    Exit codes: 0 valid, 1 a mistake was found; or the check failed, 5, 8
    """
    target = replace(invocation, file=target or invocation.file).named_file
    env = replace(invocation.env, offline=offline)
    is_package = target.is_dir() or target.name.lower().endswith((".zip", *TAR_SUFFIXES))
    checked = validate_package(env, target) if is_package else validate_desired(env, target)
    for warning in checked.warnings:
        invocation.terminal.notice(f"warning: {warning}")
    document: JsonObject = {
        "valid": True,
        "checked": [*checked.lines],
        "warnings": [note.to_document() for note in checked.warnings],
    }
    return invocation.answer(document, "\n".join(checked.lines))
