"""``llamagate validate``: check a desired state, or a package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode


def validate(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="[FILE|PACKAGE]", readable=False, help="A desired state, or a package: a folder or a zip."
        ),
    ] = Path(options.DEFAULT_FILE),
    offline: options.OfflineOption = False,
    home: options.HomeOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> int:
    """Check a desired state and its packages, or one package. Of the home, only the cache is used."""
    from reconciler.queries.validate import validate_desired, validate_package

    terminal = Terminal(as_json=as_json, quiet=quiet)
    options.named_file(target)
    environment = options.environment(home, offline=offline)
    is_package = target.is_dir() or target.suffix.lower() == ".zip"
    checked = validate_package(environment, target) if is_package else validate_desired(environment, target)
    for warning in checked.warnings:
        terminal.notice(f"warning: {warning}")
    terminal.document({"valid": True, "checked": [*checked.lines], "warnings": [*checked.warnings]})
    terminal.result("\n".join(checked.lines))
    return ExitCode.OK
