"""``llamagate schema``: the published JSON Schemas."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.documents.schemas import SCHEMA_NAMES, schema_text
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject


def schema(
    invocation: Invocation,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of the names that 'schema' lists.")] = None,
) -> int:
    """Print a JSON Schema, or the names of all schemas.

    Editors use it to complete and check llamagate.yaml. The schema 'plan' is that of 'plan --json'.

    Example: llamagate schema
    Example: llamagate schema desired-state
    Exit codes: 0, 1
    """
    document: JsonObject
    if name is None:
        document, text = {"schemas": [*SCHEMA_NAMES]}, "\n".join(SCHEMA_NAMES)
    elif name in SCHEMA_NAMES:
        text = schema_text(name).rstrip("\n")
        document = json.loads(text)
    else:
        raise UsageError(f"unknown schema '{name}'; use one of {', '.join(SCHEMA_NAMES)}")
    return invocation.answer(document, text)
