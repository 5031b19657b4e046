"""The command ``llamagate``: its verbs, and the one place where errors become text and an exit code."""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from reconciler import __version__
from reconciler.cli.ui.error import error_document, failure_document, render_error
from reconciler.cli.ui.terminal import Terminal, finish_output, silence
from reconciler.cli.verb import flagged
from reconciler.errors import ExitCode, LlamagateError, StorageError, UsageError

Verb = str | Mapping[str, str]
"""Where a verb is, as ``module.function`` of this room; or the verbs of a group by their second word."""

VERBS: Final[Mapping[str, Verb]] = {
    "init": "init.init",
    "validate": "validate.validate",
    "lock": "lock.lock",
    "plan": "plan.plan",
    "apply": "apply.apply",
    "status": "status.status",
    "watch": "watch.watch",
    "outdated": "outdated.outdated",
    "history": "history.history",
    "rollback": "rollback.rollback",
    "restore": "restore.restore",
    "recover": "recover.recover",
    "suspend": "suspend.suspend",
    "resume": "resume.resume",
    "import": "import_.import_",
    "export": "export.export",
    "list": "list.list_",
    "remove": "remove.remove",
    "enable": "switch.enable",
    "disable": "switch.disable",
    "migrate": "migrate.migrate",
    "sync": "sync.sync",
    "verify": "verify.verify",
    "doctor": "doctor.doctor",
    "schema": "schema.schema",
    "serve": "serve.serve",
    "catalog": {"build": "catalog.build"},
    "cache": {"gc": "cache.gc"},
}
"""Names and not functions: only the verb that is asked for is loaded, and what it needs."""

GROUPS: Final[Mapping[str, str]] = {
    "catalog": "Make catalogs of packages.",
    "cache": "Look after the packages that are kept.",
}

_PLAIN: Final[Mapping[str, Any]] = {"add_completion": False, "rich_markup_mode": None}


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"llamagate {__version__}\n")
        raise typer.Exit


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
    _prepare_streams()
    terminal = Terminal(as_json="--json" in sys.argv, no_color="--no-color" in sys.argv)
    code = _run(terminal)
    try:
        finish_output()
    except StorageError as error:
        code = code or _report(error, terminal)
    sys.exit(code)


def _run(terminal: Terminal) -> int:
    try:
        return _invoke()
    except BrokenPipeError:
        silence(sys.stdout)
        return ExitCode.OK
    except (KeyboardInterrupt, typer.Abort):
        message = "interrupted; the next command finishes or undoes what was begun"
        terminal.document(failure_document("interrupted", message))
        terminal.error(f"\nllamagate: {message}")
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        return _report(_usage_error(error), terminal)
    except LlamagateError as error:
        return _report(error, terminal)
    except OSError as error:
        # Wherever the system said no without anyone expecting it: not a bug of ours, and the path says most.
        return _report(StorageError(f"{error.filename or 'the system'}: {error.strerror or error}"), terminal)
    except Exception as error:
        return _report_bug(error, terminal)


def _invoke() -> int:
    """The verb, without the framework's own handling of errors, broken pipes and Ctrl-C."""
    command = application()
    try:
        with command.make_context("llamagate", sys.argv[1:]) as context:
            return int(command.invoke(context) or ExitCode.OK)
    except typer.Exit as ended:
        return int(ended.exit_code)


def application() -> Any:  # typer's own type of a command is private
    """The command line."""
    made = typer.Typer(**_PLAIN, context_settings={"help_option_names": ["-h", "--help"]})
    made.callback(cls=_Verbs, invoke_without_command=True)(llamagate)
    return typer.main.get_command(made)


class _Verbs(TyperGroup):
    """Loads a verb when it is asked for, and all of them for their list or where a word is none of them."""

    def list_commands(self, _context: object) -> list[str]:
        return [*VERBS]

    def get_command(self, _context: object, name: str) -> Any:
        for verb in [name] if name in VERBS else VERBS:
            if verb not in self.commands:
                self.commands[verb] = _loaded(verb, VERBS[verb])
        return self.commands.get(name)


def _loaded(name: str, verb: Verb) -> Any:
    """The verb with all of its flags, or the group of verbs."""
    made = typer.Typer(**_PLAIN)
    if isinstance(verb, Mapping):
        made.callback(help=GROUPS[name])(lambda: None)
    for second, place in (verb if isinstance(verb, Mapping) else {name: verb}).items():
        module, _, function = place.partition(".")
        made.command(second)(flagged(getattr(import_module(f"reconciler.cli.{module}"), function)))
    command = typer.main.get_command(made)
    command.name = name
    return command


def _prepare_streams() -> None:
    """A closed stream swallows what is written; text that the terminal's encoding lacks is written as escapes."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - until the end
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _usage_error(error: typer.TyperException) -> UsageError:
    verb = [name for name in sys.argv[1:2] if name in VERBS]
    return UsageError(error.format_message(), advice=f"'{' '.join(['llamagate', *verb])} --help' says what there is")


def _report(error: LlamagateError, terminal: Terminal) -> ExitCode:
    terminal.document(error_document(error))
    terminal.error(render_error(error, terminal.error_style))
    return error.exit_code


def _report_bug(error: Exception, terminal: Terminal) -> ExitCode:
    """A report that can be pasted: where it happened and on what it ran. Messages of exceptions may hold secrets."""
    terminal.document(failure_document("bug", "a bug in llamagate; standard error has a report of it"))
    terminal.error(
        "llamagate: this is a bug in llamagate, not in your files. Please report it with all of this:\n\n"
        f"llamagate {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"verb: {' '.join(sys.argv[1:2])}\n{''.join(_trace(error))}\n"
        "The home was left as the last completed step had it; 'llamagate recover' settles what was under way."
    )
    return ExitCode.BUG


def _trace(error: BaseException) -> Iterator[str]:
    """The traceback, causes first, without the messages; the name of a module that is missing is no secret."""
    before = error.__cause__ or error.__context__
    if before is not None:
        yield from _trace(before)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__} (its message is left out: it may hold secrets)\n"
    if isinstance(error, ImportError) and error.name:
        yield f"the module that could not be imported: {error.name}\n"
