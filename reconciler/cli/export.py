"""``llamagate export``: the package of an installed item, as an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.flags import ITEM_HELP
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import typed
from reconciler.cli.output_file import check_output
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject
from reconciler.queries.export import export as export_one
from reconciler.queries.export import export_all


def export(
    invocation: Invocation,
    words: Annotated[list[str] | None, typer.Argument(metavar="[TYPE] ID", show_default=False, help=ITEM_HELP)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="ZIP", help="The zip to write; with --all a folder.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Export every item, into the folder --out.")] = False,
) -> int:
    """Write the package of an installed item into a zip.

    The zip has the files of the package, without edits and without the configuration in llamagate.yaml.

    Example: llamagate export greeter --out greeter.zip
    Example: llamagate export --all --out ./backup
    Exit codes: 0, 1, 7, 8
    """
    if out is None:
        raise UsageError("missing --out: name the archive to write, or with --all the folder")
    if everything == bool(words):
        raise UsageError("name one item, or give --all")
    check_output(out, invocation.file, invocation.lock_file)
    if everything:
        found, notes = export_all(invocation.env, invocation.named_file, out)
    else:
        kind, item = typed(words or [], "ID")
        found, notes = export_one(invocation.env, invocation.named_file, item, kind, out)
    for note in notes:
        invocation.terminal.notice(str(note))
    text = "\n".join(f"Wrote {one.path}: {one.key} {one.version}." for one in found)
    document: JsonObject = {
        "exported": [one.to_document() for one in found],
        "warnings": [note.to_document() for note in notes],
    }
    return invocation.answer(document, text or "Nothing is installed.")
