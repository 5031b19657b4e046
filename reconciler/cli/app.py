"""The command ``llamagate``: its verbs, and the one place where errors become text and an exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from inspect import getdoc
from itertools import pairwise
from typing import Annotated, Any, Final, NoReturn, cast, get_args

import typer
from typer.core import TyperGroup

from reconciler import __version__
from reconciler.cli import boot
from reconciler.cli.environment import asked_verb, variables
from reconciler.cli.help import VerbCommand, VerbHelp
from reconciler.cli.shared_flags import SharedFlags
from reconciler.cli.ui.error import error_document, failure_document, render_error
from reconciler.cli.ui.style import When, colours_wanted
from reconciler.cli.ui.terminal import Terminal, finish_output, silence
from reconciler.cli.verb import flagged
from reconciler.cli.verbs import CHANGE_THE_HOME, GROUPS, GUESSES, SECTIONS, VERBS, Verb
from reconciler.codes import ErrorCode
from reconciler.errors import ExitCode, LlamagateError, StorageError, UsageError
from reconciler.model.regex import regex

_NO_DESCRIPTOR: Final = "the system: no file can be opened; raise the limit of open files (ulimit -n)"
_EXTRA_FILE: Final = regex(r"unexpected extra argument.*\((\S+\.ya?ml)\)", re.DOTALL)
_NOT_A_NUMBER: Final = regex(r"is not a valid int(eger)?( range)?(?=\.|$)")
_PLAIN: Final[Mapping[str, Any]] = {"add_completion": False, "rich_markup_mode": None}


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"llamagate {__version__}\n")
        raise typer.Exit


def llamagate(
    context: typer.Context,
    before: SharedFlags,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> int:
    """Install the extensions and agentic modules that a file lists into a LlamaGate home, all of them or none.

    The flags below may be given before the command or after it; the one after it wins.
    """
    name = context.invoked_subcommand
    if name is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(ExitCode.USAGE)
    verb, given = VERBS[name], before.given()
    context.default_map = {name: given if isinstance(verb, str) else dict.fromkeys(verb, given)}
    return ExitCode.OK


def main() -> NoReturn:
    """Run the command line. The process ends with the exit code of ``docs/commands.md``."""
    _prepare_streams()
    terminal = Terminal(as_json=_is_json(sys.argv), colours=colours_wanted(_when(sys.argv), variables()))
    code = _run(terminal)
    boot.ignore_ctrl_c()
    try:
        finish_output()
    except StorageError as error:
        code = code or _report(error, terminal)
    sys.exit(code)


def _is_json(arguments: Sequence[str]) -> bool:
    """Whether errors are JSON, too. Asked before the command line is read, as that may fail."""
    wanted = {"--json", "--format=json"}
    return not wanted.isdisjoint(arguments) or ("--format", "json") in pairwise(arguments)


def _when(arguments: Sequence[str]) -> When:
    """When errors have colours. Asked before the command line is read, as that may fail."""
    for number, word in reversed([*enumerate(arguments)]):
        if word == "--no-color":
            return "never"
        for when in get_args(When):
            if word == f"--color={when}" or arguments[number : number + 2] == ["--color", when]:
                return cast(When, when)
    return "auto"


def _run(terminal: Terminal) -> int:
    try:
        return _invoke()
    except BrokenPipeError:
        silence(sys.stdout)
        return ExitCode.OK
    except (KeyboardInterrupt, typer.Abort):
        boot.ignore_ctrl_c()
        message = "interrupted"
        if asked_verb(sys.argv[1:]) in CHANGE_THE_HOME:
            message += "; the next command finishes or undoes what was started"
        terminal.document(failure_document(ErrorCode.INTERRUPTED, message))
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
        return _report_bug(error, terminal) if _has_descriptors() else _report(StorageError(_NO_DESCRIPTOR), terminal)


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
    made.callback(cls=_Verbs, invoke_without_command=True)(flagged(llamagate))
    return typer.main.get_command(made)


class _Verbs(TyperGroup):
    """Loads a verb when it is asked for, and all of them for their list."""

    def list_commands(self, _context: object) -> list[str]:
        return [*VERBS]

    def get_command(self, _context: object, name: str) -> Any:
        if name in VERBS and name not in self.commands:
            self.commands[name] = _loaded(name, VERBS[name])
        return self.commands.get(name)

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        """The verb that is asked for. ``help VERB`` is ``VERB --help``."""
        if words[0] == "help":
            words = [*words[1:], "--help"]
        if words[0] not in VERBS and not words[0].startswith("-"):
            raise _unknown(words[0])
        return super().resolve_command(context, words)

    def format_commands(self, context: Any, formatter: Any) -> None:
        width = max(map(len, VERBS))
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                helps = [self.get_command(context, name).get_short_help_str(formatter.width) for name in verbs]
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in zip(verbs, helps, strict=True)])


def _unknown(word: str) -> UsageError:
    """The error for a word that is not a verb. It names the right verb, if people often guess that word."""
    from difflib import get_close_matches  # only a mistake needs it

    near = [word] if word in GUESSES else get_close_matches(word, [*VERBS, *GUESSES], n=1)
    for name in near:
        if name in GUESSES:
            return UsageError(f"unknown command '{word}'; use {GUESSES[name]}")
        return UsageError(f"unknown command '{word}'; did you mean '{name}'?")
    return UsageError(f"unknown command '{word}'", advice="'llamagate --help' lists the commands")


def _loaded(name: str, verb: Verb) -> Any:
    """The verb with all of its flags, or the group of verbs."""
    made = typer.Typer(**_PLAIN)
    if isinstance(verb, Mapping):
        made.callback(help=GROUPS[name])(lambda: None)
    for second, place in (verb if isinstance(verb, Mapping) else {name: verb}).items():
        module, _, function = place.partition(".")
        run = flagged(getattr(import_module(f"reconciler.cli.{module}"), function), first=boot.raise_on_ctrl_c)
        docstring = getdoc(run) or ""
        made.command(second, cls=VerbCommand, help=VerbHelp.of(docstring).text, epilog=docstring)(run)
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
    context = getattr(error, "ctx", None)
    verb = [name for name in [asked_verb(sys.argv[1:])] if name in VERBS]
    command = context.command_path if context else " ".join(["llamagate", *verb])
    message, advice = error.format_message(), f"'{command} --help' shows what is possible"
    extra = _EXTRA_FILE.search(message)
    if extra:
        return UsageError(
            f"'{extra[1]}' is not expected here", advice=f"name a file with -f: '{command} -f {extra[1]}'"
        )
    return UsageError(_NOT_A_NUMBER.sub("is not a whole number", message), advice=advice)


def _report(error: LlamagateError, terminal: Terminal) -> ExitCode:
    terminal.document(error_document(error))
    terminal.error(render_error(error, terminal.error_style, with_source=sys.stderr.isatty()))
    return error.exit_code


def _has_descriptors() -> bool:
    """Whether a file can be opened. Where none can, libraries fail in ways of their own, and that is no bug of ours."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    return True


def _report_bug(error: Exception, terminal: Terminal) -> ExitCode:
    """A report that can be pasted: where it happened and on what it ran. Messages of exceptions may hold secrets."""
    system, python = os.uname(), ".".join(map(str, sys.version_info[:3]))
    terminal.document(failure_document(ErrorCode.BUG, "a bug in llamagate; standard error has a report of it"))
    terminal.error(
        "llamagate: this is a bug in llamagate, not in your files. Please report it with all of this:\n\n"
        f"llamagate {__version__}, Python {python}, {system.sysname} {system.release} {system.machine}\n"
        f"verb: {asked_verb(sys.argv[1:])}\n{''.join(_trace(error))}\n"
        "The home is as the last completed step left it; 'llamagate recover' finishes or undoes an interrupted change."
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
