"""The flags that every verb has, and those of verbs that wait for another command's change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from reconciler.cli.environment import asked_verb, environment, variables
from reconciler.cli.shared_flags import DEFAULT_FILE, SharedFlags
from reconciler.cli.ui.log import Log, logging
from reconciler.cli.ui.style import colours_wanted
from reconciler.cli.ui.terminal import Terminal
from reconciler.codes import ErrorCode
from reconciler.errors import ExitCode, InputError
from reconciler.fs.presence import is_there
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.listener import Listener

_WITH_TIMES: Final = 2
"""As many times -v is given for the time of each phase."""
_WAIT_HELP: Final = "How long to wait for another command to end.  [default: 300]"


def seconds_of(value: float) -> float:
    """The callback of a flag that takes seconds."""
    if not value >= 0:  # so that "nan" is none either
        raise typer.BadParameter("expected a number of seconds, 0 or more")
    return value


class Invocation(SharedFlags, frozen=True, kw_only=True, dict=True):
    """Of every verb."""

    @cached_property
    def env(self) -> Environment:
        made = environment(self.home, lock_file=self.lock_file, gateway=self.gateway, trust=self.trust)
        return made if self._log is None else replace(made, phase=self._log.phase)

    @cached_property
    def terminal(self) -> Terminal:
        found = variables()
        terminal = Terminal(as_json=self.as_json, quiet=self.quiet, colours=colours_wanted(self.when, found))
        terminal.variables, terminal.is_paged = found, not self.no_pager
        terminal.log = self._log.line if self._log else None
        return terminal

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the whole verb: with the log that is wanted."""
        if self.verbose < _WITH_TIMES and self.log_file is None:
            yield
            return
        plain = Terminal(quiet=self.quiet)
        with logging(
            asked_verb(sys.argv[1:]), self.log_file, plain.notice if self.verbose >= _WITH_TIMES else None
        ) as log:
            self._logs.append(log)
            yield

    @property
    def _log(self) -> Log | None:
        return self._logs[0] if self._logs else None

    @cached_property
    def _logs(self) -> list[Log]:
        return []

    @cached_property
    def named_file(self) -> Path:
        """``file``, which need not exist unless the user named it; then ``InputError``."""
        if self.file != DEFAULT_FILE and not is_there(self.file):
            raise InputError.at("no such file", file=self.file, code=ErrorCode.NOT_FOUND)
        return self.file

    def answer(
        self, document: JsonObject, text: str, code: ExitCode = ExitCode.OK, *, is_long: bool = False
    ) -> ExitCode:
        """Print the result: the document where JSON is wanted, else the text. The verb then ends with ``code``.

        A text that ``is_long`` goes through a pager, on a terminal.
        """
        self.terminal.document(document)
        show = self.terminal.long_result if is_long else self.terminal.result
        show(text)
        return code

    @property
    def is_detailed(self) -> bool:
        """Whether the changes inside each package are wanted too."""
        return self.as_json or self.verbose > 0


class WaitingInvocation(Invocation, frozen=True, kw_only=True, dict=True):
    """Of a verb that waits for another command's change. ``wait`` in seconds."""

    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", callback=seconds_of, show_default=False, help=_WAIT_HELP)
    ] = 300.0

    @property
    def listener(self) -> Listener:
        return Listener(wait=self.wait, notice=self.terminal.notice, progress=self.terminal.progress)
