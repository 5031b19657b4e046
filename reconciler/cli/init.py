"""``llamagate init``: a desired state to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.output_file import write_output
from reconciler.codes import ErrorCode
from reconciler.commands.example import FIRST, copy_example
from reconciler.commands.init import describe_installed
from reconciler.commands.schema_install import schema_line
from reconciler.errors import InputError, LlamagateError, NotDesiredError, UsageError
from reconciler.fs.presence import is_there
from reconciler.store.desired_file import read_desired


def init(
    invocation: Invocation,
    from_installed: Annotated[
        bool,
        typer.Option("--from-installed", help="List what is installed; packages go to ./packages."),
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Copy an example package to ./packages, and list it.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help=f"With --example: which one, else {FIRST}."),
    ] = None,
) -> int:
    """Write a first llamagate.yaml, with comments, to start from.

    With --from-installed it lists what is installed already, so that 'apply' changes nothing.
    Where 'schema --install' was run, its first line tells editors the schema.

    Example: llamagate init
    Example: llamagate init --from-installed
    Example: llamagate init --example
    Exit codes: 0, 1
    """
    if name is not None and not example:
        raise UsageError(f"'{name}' works only with --example; -f FILE names another file")
    if example and from_installed:
        raise UsageError("use either --example or --from-installed, not both")
    file = invocation.file
    if is_there(file):
        raise InputError(
            f"{_what_is_there(file)}; it is not overwritten", advice=_advice(example=example), code=ErrorCode.EXISTS
        )
    if from_installed:
        described = describe_installed(invocation.env, file.absolute().parent)
        text = described.text
        for line in described.notes:
            invocation.terminal.notice(line)
    elif example:
        text = copy_example(name or FIRST, file.absolute().parent)
    else:
        text = resources.files("reconciler.cli").joinpath("starter.yaml").read_text("utf-8")
    line = schema_line(file.absolute().parent)
    write_output(file, f"{line}\n{text}".encode() if line else text.encode())
    return invocation.answer({"file": str(file)}, f"Wrote {file}. Next: 'llamagate plan' shows what an apply would do.")


def _what_is_there(file: Path) -> str:
    try:
        read_desired(file)
    except NotDesiredError as error:
        return error.message
    except LlamagateError:
        pass
    return f"{file} exists"


def _advice(*, example: bool) -> str:
    if example:
        return "the example needs a file of its own: 'llamagate init --example -f example.yaml'"
    return "name another one with -f"
