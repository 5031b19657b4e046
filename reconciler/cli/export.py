"""``llamagate export``: the package of an installed item, as an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.item import typed
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, UsageError


def export(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TYPE] ID",
            show_default=False,
            help="The item, by id, else by name. TYPE: extension (ext) or agentic-module (module, am).",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="ZIP", help="The archive to write; a folder with --all.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Export every item, into the folder --out.")] = False,
    file: options.FileOption = Path(options.DEFAULT_FILE),
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Write the package of an item, as it came, into an archive."""
    from reconciler.queries import export as exporting

    terminal = Terminal(as_json=as_json, quiet=quiet)
    if out is None:
        raise UsageError("missing --out: name the archive to write, or with --all the folder")
    if everything == bool(words):
        raise UsageError("name one item, or give --all")
    env = options.environment(home)
    options.check_output(out, file)
    if everything:
        found, notes = exporting.export_all(env, options.named_file(file), out)
    else:
        kind, item = typed(words or [], "ID")
        found, notes = exporting.export(env, options.named_file(file), item, kind, out)
    for note in notes:
        terminal.notice(note)
    terminal.document({"exported": [one.to_document() for one in found], "warnings": [*notes]})
    terminal.result(
        "\n".join(f"Wrote {one.path}: {one.key} {one.version}." for one in found) or "Nothing is installed."
    )
    return ExitCode.OK
