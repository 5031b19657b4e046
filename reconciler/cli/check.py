"""``llamagate check``: find mistakes in packages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from reconciler.cli.given import STDIN, read_given
from reconciler.cli.invocation import Invocation
from reconciler.commands.check import write_fixes
from reconciler.errors import ExitCode, UsageError
from reconciler.packages.check.finding import Severity
from reconciler.queries.check import Report, check_packages
from reconciler.queries.checked_packages import Target, held_target

Format = Literal["text", "json", "sarif", "github"]
_LEVELS: Final = "error|warning|note"
_FAIL_HELP: Final = "Exit with 1 from this severity on."
_AGAINST_HELP: Final = "Compare versions with this git commit, and not with the lock."
_AS_HELP: Final = "With '-': the file whose text comes in on standard input."


def check(
    invocation: Invocation,
    targets: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PACKAGE|FOLDER|FILE|-]...",
            show_default=False,
            readable=False,
            help="Packages, folders of packages, a llamagate.yaml, or '-' for standard input.",
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write what is sure into the files.")] = False,
    form: Annotated[
        Format, typer.Option("--format", metavar="text|json|sarif|github", help="How to print the findings.")
    ] = "text",
    fail_on: Annotated[Severity, typer.Option("--fail-on", metavar=_LEVELS, help=_FAIL_HELP)] = Severity.ERROR,
    against: Annotated[
        str | None, typer.Option("--against", metavar="REF", show_default=False, help=_AGAINST_HELP)
    ] = None,
    held_name: Annotated[Path, typer.Option("--stdin-name", metavar="FILE", help=_AS_HELP)] = Path("manifest.yaml"),
) -> int:
    """Find mistakes in packages, with their places.

    Without an argument it checks the packages that llamagate.yaml lists. 'validate'
    says whether a package can be installed, 'check' whether it will do what it
    should: misspelt keys, unknown steps, placeholders that stand for nothing.
    Each finding has a code, which docs/errors.md explains. A comment behind a line,
    '# llamagate: disable LG112: why', or policy.check in llamagate.yaml, switches
    one off.

    Example: llamagate check
    Example: llamagate check ./packages/greeter --fix
    Example: llamagate check --format github --fail-on warning
    Example: llamagate check --against origin/main
    Example: llamagate check - --stdin-name packages/greeter/manifest.yaml < text
    Exit codes: 0 no error was found, 1 an error was found; or the check failed, 9
    """
    wanted = targets or []
    held = _held(wanted, held_name)
    report = check_packages(invocation.env, invocation.file, [] if held else wanted, held, fixes=fix, against=against)
    if fix and held is None:
        write_fixes(report.changes)
    code = ExitCode.ERROR if report.fails(fail_on) else ExitCode.OK
    return _shown(invocation, report, form, code)


def _held(targets: list[Path], name: Path) -> Target | None:
    if STDIN not in targets:
        return None
    if len(targets) > 1:
        raise UsageError("'-' is checked alone", advice="leave out the other arguments")
    return held_target(name, read_given(STDIN)[0])


def _shown(invocation: Invocation, report: Report, form: Format, code: ExitCode) -> ExitCode:
    from reconciler.cli.ui.findings import github, sarif, text

    if form in ("sarif", "github"):
        invocation.terminal.result(sarif(report.findings) if form == "sarif" else github(report.findings))
        return code
    if form == "json" and not invocation.as_json:
        invocation.terminal.as_json = True
    return invocation.answer(report.to_document(), text(report, invocation.terminal.style), code)
