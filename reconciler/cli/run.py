"""``llamagate run``: run one item, and install nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli.flags import path_option
from reconciler.cli.host_flags import ModelFlags
from reconciler.cli.invocation import Invocation
from reconciler.cli.run_flags import RunFlags
from reconciler.errors import MissingProgramError

_MOCK_HELP: Final = "Answer in place of a model: a text, or a file of answers by step or match."
_INPUT_HELP: Final = "A JSON or YAML file with the inputs; '-' is standard input."
_RECORD_HELP: Final = "Write what the model was asked and said to this file, for --mock."


def run(
    invocation: Invocation,
    models: ModelFlags,
    item: Annotated[str, typer.Argument(metavar="ID|PACKAGE", help="A package's folder, or the id of an item.")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", readable=False, show_default=False, help="Inputs.")
    ] = None,
    given: Annotated[Path | None, path_option("--input", help=_INPUT_HELP)] = None,
    mock: Annotated[str | None, typer.Option("--mock", metavar="TEXT|FILE", help=_MOCK_HELP)] = None,
    record: Annotated[Path | None, path_option("--record", help=_RECORD_HELP)] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show each step: arguments, prompt, answer, time.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Run it again whenever a file of it changes.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Let it write files into the package, not into a copy.")] = False,
) -> int:
    """Run an extension or agentic module once, without a server.

    A folder is run as it is now, and nothing is installed. An id is taken from
    llamagate.yaml, else from what is installed. It runs with the limits of 'serve'.

    Example: llamagate run ./packages/greeter person=Ada
    Example: llamagate run greeter --input case.json --mock 'Hello, Ada.' --trace
    Example: llamagate run greeter person=Ada --record answers.yaml
    Exit codes: 0, 1
    """
    try:
        from reconciler.cli.running import run_item  # lazy: the host is an extra, and its packages may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "reconciler":
            raise
        message = f"run needs the package {error.name}, which is not installed"
        raise MissingProgramError(message, advice="pip install 'llamagate[host]'") from error
    inputs = tuple(values or ())
    asked = RunFlags(values=inputs, given=given, mock=mock, record=record, trace=trace, here=here, watch=watch)
    return run_item(invocation, models, item, asked)
