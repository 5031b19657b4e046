"""``llamagate import``: install or update packages, from this machine or from an address."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.changing import ChangingInvocation
from reconciler.cli.flags import OverwriteOption, SaveOption
from reconciler.cli.item import typed_many
from reconciler.commands.import_ import Import, propose_import
from reconciler.errors import UsageError
from reconciler.model.ids import Kind
from reconciler.model.source import plain_path


def import_(
    invocation: ChangingInvocation,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[TYPE] ARCHIVE|DIR|URL...",
            show_default=False,
            help="The packages. With a TYPE, extension (ext) or agentic-module (module, am), another kind is refused.",
        ),
    ],
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Permit an older version than the installed one.")
    ] = False,
    overwrite: OverwriteOption = False,
    save: SaveOption = False,
    path: Annotated[
        str,
        typer.Option(
            "--path", metavar="FOLDER", show_default=False, help="The package's folder in the archive or repository."
        ),
    ] = "",
) -> int:
    """Install or update packages from archives, folders or addresses.

    An archive is a .zip, .tar.gz or .tar, here or at a URL; a repository is a URL that
    ends in .git, or begins with ssh://; a registry's package is oci://HOST/NAME:TAG.
    Several packages are one change: all of them or none. An update keeps the
    configuration, local files, and whether the item is enabled.

    Example: llamagate import ./greeter.zip
    Example: llamagate import ./packages/*
    Example: llamagate import packages-main.zip --path extensions/greeter
    Example: llamagate import extension ./packages/greeter --save
    Example: llamagate import oci://registry.example.org/team/greeter:1.2.0
    Exit codes: 0, 1, 5, 6, 7, 8, 9, 10
    """
    kind, packages = typed_many(words, "ARCHIVE|DIR|URL")
    if kind is Kind.MCP_SERVER:
        raise UsageError("a tool server has no package to import; list it below 'mcp_servers:' in llamagate.yaml")
    if path and len(packages) > 1:
        raise UsageError("--path is a folder in one archive or repository; name only that one")
    asked = Import(
        packages=tuple(package if "://" in package else Path(package) for package in packages),
        inside=plain_path(path),
        kind=kind,
        downgrade=allow_downgrade,
        overwrite=overwrite,
        save=save,
    )
    return invocation.run(lambda: propose_import(invocation.env, invocation.named_file, asked), creates=True)
