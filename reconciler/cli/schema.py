"""``llamagate schema``: the published JSON Schemas."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, UsageError


def schema(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of the names that 'schema' lists.")] = None,
) -> int:
    """Print a JSON Schema, or the names of all."""
    from reconciler.documents.schemas import SCHEMA_NAMES, schema_text

    if name is None:
        Terminal().result("\n".join(SCHEMA_NAMES))
        return ExitCode.OK
    if name not in SCHEMA_NAMES:
        raise UsageError(f"there is no schema '{name}'; there are {', '.join(SCHEMA_NAMES)}")
    Terminal().result(schema_text(name).rstrip("\n"))
    return ExitCode.OK
