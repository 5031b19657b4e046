"""The command ``llamagate``: its verbs, and the one place where errors become text and an exit code."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NoReturn

import typer

from reconciler import __version__
from reconciler.cli.apply import apply
from reconciler.cli.init import init
from reconciler.cli.list import list_
from reconciler.cli.lock import lock
from reconciler.cli.plan import plan
from reconciler.cli.recover import recover
from reconciler.cli.render import error_document, render_error
from reconciler.cli.schema import schema
from reconciler.cli.status import status
from reconciler.cli.terminal import Terminal
from reconciler.cli.validate import validate
from reconciler.errors import ExitCode, LlamagateError, UsageError

VERBS: Final[Mapping[str, Callable[..., int]]] = {
    "init": init,
    "validate": validate,
    "lock": lock,
    "plan": plan,
    "apply": apply,
    "status": status,
    "list": list_,
    "recover": recover,
    "schema": schema,
}

app = typer.Typer(
    name="llamagate",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, verb in VERBS.items():
    app.command(name)(verb)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"llamagate {__version__}\n")
        raise typer.Exit


@app.callback()
def llamagate(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make a LlamaGate installation match a file: extensions and agentic modules, all of it or nothing."""
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)


def main() -> NoReturn:
    """Run the command line. The process ends with the exit code of ``docs/commands.md``."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    terminal = Terminal(as_json="--json" in sys.argv, no_color="--no-color" in sys.argv)
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(int(code or ExitCode.OK))
    except BrokenPipeError:
        # Whoever read our output had enough; what was done is done.
        sys.stderr.close()
        sys.exit(ExitCode.OK)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("\nllamagate: interrupted; the next command finishes or undoes what was begun\n")
        sys.exit(ExitCode.INTERRUPTED)
    except typer.TyperException as error:
        sys.exit(_report(UsageError(error.format_message(), advice="'llamagate --help' lists the commands"), terminal))
    except LlamagateError as error:
        sys.exit(_report(error, terminal))
    except Exception as error:
        sys.exit(_report_bug(error))


def _report(error: LlamagateError, terminal: Terminal) -> ExitCode:
    terminal.document(error_document(error))
    sys.stderr.write(render_error(error, terminal.error_style) + "\n")
    return error.exit_code


def _report_bug(error: Exception) -> ExitCode:
    """A report that can be pasted: the traceback without values, and what it ran on."""
    lines = "".join(traceback.format_exception(error)).rstrip()
    sys.stderr.write(
        f"llamagate: this is a bug in llamagate, not in your files. Please report it with all of this:\n\n"
        f"llamagate {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"verb: {' '.join(sys.argv[1:2])}\n{lines}\n\n"
        "The home was left as the last completed step had it; 'llamagate recover' settles what was under way.\n"
    )
    return ExitCode.BUG
