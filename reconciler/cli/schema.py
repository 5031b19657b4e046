"""``llamagate schema``: the published JSON Schemas."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reconciler.documents.schemas import SCHEMA_NAMES, schema_text
from reconciler.errors import ExitCode, UsageError


def schema(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of the names that 'schema' lists.")] = None,
) -> int:
    """Print a JSON Schema, or the names of all."""
    if name is None:
        sys.stdout.write("\n".join(SCHEMA_NAMES) + "\n")
        return ExitCode.OK
    if name not in SCHEMA_NAMES:
        raise UsageError(f"there is no schema '{name}'; there are {', '.join(SCHEMA_NAMES)}")
    sys.stdout.write(schema_text(name))
    return ExitCode.OK
