"""``llamagate test``: run the test cases of packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli.flags import path_option
from reconciler.cli.invocation import Invocation
from reconciler.cli.test_flags import TestFlags
from reconciler.errors import MissingProgramError

_URL_HELP: Final = "A model server for the cases without a mock."
_AGAINST_HELP: Final = "Run them on an earlier package too, of a git commit or a version, and show what differs."
_COVERAGE_HELP: Final = "Name the steps and rules that no case reached."


def cases(
    invocation: Invocation,
    packages: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PACKAGE|FOLDER]...", readable=False, show_default=False, help="Packages, or folders."),
    ] = None,
    only: Annotated[
        str, typer.Option("-k", metavar="TEXT", show_default=False, help="Only cases with this text in their name.")
    ] = "",
    junit: Annotated[Path | None, path_option("--junit", help="Write a JUnit report to this file.")] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help=_COVERAGE_HELP)] = False,
    llm_url: Annotated[str | None, typer.Option("--llm-url", metavar="URL", show_default=False, help=_URL_HELP)] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="REF|ID@VERSION", show_default=False, help=_AGAINST_HELP)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run them again whenever a file changes.")] = False,
) -> int:
    """Run the test cases of packages.

    The cases are in 'tests/*.yaml' of a package: input, mock answers of the model,
    and what is expected. Without an argument those of the packages that
    llamagate.yaml lists are run, with the limits of 'serve', and without a server.
    --against runs the same cases on an earlier package, and shows which prompts,
    outputs and errors are other ones now; a difference is no failure.

    Example: llamagate test ./packages/greeter
    Example: llamagate test -k urgent --coverage
    Example: llamagate test --junit report.xml
    Example: llamagate test ./packages/greeter --against main
    Example: llamagate test --against greeter@1.2.0
    Exit codes: 0 all passed, 1 a case failed; or the command failed
    """
    try:
        from reconciler.cli.testing import run_tests  # lazy: the host is an extra, and its packages may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "reconciler":
            raise
        message = f"test needs the package {error.name}, which is not installed"
        raise MissingProgramError(message, advice="pip install 'llamagate[host]'") from error
    flags = TestFlags(
        packages=tuple(packages or ()),
        only=only,
        junit=junit,
        coverage=coverage,
        llm_url=llm_url,
        watch=watch,
        against=against,
    )
    return run_tests(invocation, flags)
