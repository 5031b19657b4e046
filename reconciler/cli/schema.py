"""``llamagate schema``: the published JSON Schemas."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.commands.schema_install import Installed, install_schemas
from reconciler.documents.schemas import SCHEMA_NAMES, schema_text
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject


def schema(
    invocation: Invocation,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of the names that 'schema' lists.")] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Write them beside llamagate.yaml, and name its schema in it.")
    ] = False,
) -> int:
    """Print a JSON Schema, or the names of all schemas.

    Editors use it to complete and check llamagate.yaml. The schema 'plan' is that of 'plan --json'.

    Example: llamagate schema
    Example: llamagate schema desired-state
    Example: llamagate schema --install
    Exit codes: 0, 1, 9
    """
    document: JsonObject
    if install:
        if name is not None:
            raise UsageError("--install writes all schemas; leave out the name")
        done = install_schemas(invocation.file)
        return invocation.answer(done.to_document(), _installed(done))
    if name is None:
        document, text = {"schemas": [*SCHEMA_NAMES]}, "\n".join(SCHEMA_NAMES)
    elif name in SCHEMA_NAMES:
        text = schema_text(name).rstrip("\n")
        document = json.loads(text)
    else:
        raise UsageError(f"unknown schema '{name}'; use one of {', '.join(SCHEMA_NAMES)}")
    return invocation.answer(document, text)


def _installed(done: Installed) -> str:
    if done.wrote:
        said = f"{done.file} names its own in its first line."
    elif done.is_named:
        said = f"{done.file} names a schema already; its line was not changed."
    else:
        said = "'llamagate init' writes a file that names its own."
    manifests = "A manifest names one in its first line: # yaml-language-server: $schema=PATH"
    return f"Wrote {len(SCHEMA_NAMES)} schemas into {done.folder}. {said}\n{manifests}"
