"""``llamagate new``: a package to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli.flags import path_option
from reconciler.cli.invocation import Invocation
from reconciler.commands.new import list_in, make_package
from reconciler.commands.skeletons import SKELETONS
from reconciler.model.config import JsonObject

_KIND_HELP: Final = f"One of {', '.join(SKELETONS)}."


def new(
    invocation: Invocation,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=_KIND_HELP)],
    folder: Annotated[Path, typer.Argument(metavar="ID|FOLDER", help="The folder to make; its last part is the id.")],
    listed: Annotated[Path | None, path_option("--in", help="Also list it in this llamagate.yaml.")] = None,
) -> int:
    """Write a small package to start from.

    It is valid, has comments, and a test case that passes at once (but for a
    middleware and an observer, which run when their event happens). Nothing is
    overwritten.

    Example: llamagate new workflow packages/greeter
    Example: llamagate new module desk --in llamagate.yaml
    Exit codes: 0, 1, 9
    """
    files = make_package(kind, folder)
    if listed is not None:
        list_in(invocation.env, listed, folder, invocation.terminal.notice)
    document: JsonObject = {"id": folder.name, "kind": kind, "folder": str(folder), "files": [*files]}
    lines = [f"Wrote {folder / path}" for path in files]
    lines += [f"Listed {folder.name} in {listed}."] if listed is not None else []
    follow = [f"llamagate check {folder}"]
    follow += [f"llamagate test {folder}"] if any(path.startswith("tests/") for path in files) else []
    return invocation.answer(document, "\n".join([*lines, "Next: " + ", ".join(follow)]))
