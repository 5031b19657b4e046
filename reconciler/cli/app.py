"""The command ``llamagate``: its verbs, and the one place where errors become text and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Annotated, Final, NoReturn

import typer
from typer.core import TyperGroup

from reconciler import __version__
from reconciler.cli.ui.terminal import Terminal, finish_output, silence
from reconciler.errors import ExitCode, LlamagateError, StorageError, UsageError
from reconciler.model.config import JsonObject

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
"""Names and not functions: loading the flags of every verb takes longer than most of them run."""

GROUPS: Final[Mapping[str, str]] = {
    "catalog": "Make catalogs of packages.",
    "cache": "Look after the packages that are kept.",
}


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
        terminal.document(_failure("interrupted", message))
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
    chosen = {name: VERBS[name] for name in sys.argv[1:2] if name in VERBS}
    command = typer.main.get_command(application(chosen or VERBS))
    try:
        with command.make_context("llamagate", sys.argv[1:]) as context:
            return int(command.invoke(context) or ExitCode.OK)
    except typer.Exit as ended:
        return int(ended.exit_code)


class _InOrder(TyperGroup):
    """Lists verbs and groups of them in one order."""

    def list_commands(self, _context: object) -> list[str]:
        return [name for name in VERBS if name in self.commands]


def application(verbs: Mapping[str, Verb]) -> typer.Typer:
    """The command line with these verbs; typer takes a millisecond for the flags of each."""
    made = typer.Typer(
        name="llamagate",
        cls=_InOrder,
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(llamagate)
    for name, verb in verbs.items():
        if isinstance(verb, Mapping):
            made.add_typer(_group(verb), name=name, help=GROUPS[name])
        else:
            made.command(name)(_loaded(verb))
    return made


def _group(verbs: Mapping[str, str]) -> typer.Typer:
    made = typer.Typer(no_args_is_help=False, rich_markup_mode=None)
    for name, verb in verbs.items():
        made.command(name)(_loaded(verb))
    return made


def _loaded(verb: str) -> Callable[..., int]:
    """The function, with all of its flags."""
    module, _, name = verb.partition(".")
    function = getattr(import_module(f"reconciler.cli.{module}"), name)
    loaded: Callable[..., int] = function.flagged() if hasattr(function, "flagged") else function
    return loaded


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
    from reconciler.cli.ui.text import error_document, render_error  # only a failure needs it

    terminal.document(error_document(error))
    terminal.error(render_error(error, terminal.error_style))
    return error.exit_code


def _report_bug(error: Exception, terminal: Terminal) -> ExitCode:
    """A report that can be pasted: where it happened and on what it ran. Messages of exceptions may hold secrets."""
    import platform

    terminal.document(_failure("bug", "a bug in llamagate; standard error has a report of it"))
    terminal.error(
        "llamagate: this is a bug in llamagate, not in your files. Please report it with all of this:\n\n"
        f"llamagate {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"verb: {' '.join(sys.argv[1:2])}\n{''.join(_trace(error))}\n"
        "The home was left as the last completed step had it; 'llamagate recover' settles what was under way."
    )
    return ExitCode.BUG


def _trace(error: BaseException) -> Iterator[str]:
    """The traceback, causes first, without the messages."""
    import traceback

    before = error.__cause__ or error.__context__
    if before is not None:
        yield from _trace(before)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__} (its message is left out: it may hold secrets)\n"


def _failure(code: str, message: str) -> JsonObject:
    return {"error": {"code": code, "message": message, "faults": []}}
