"""``llamagate watch``: keep the home as the file says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reconciler.cli import options
from reconciler.cli.terminal import Terminal
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.loop.watch import Loop
    from reconciler.model.config import JsonObject

_MIN_INTERVAL_SECONDS: Final = 1.0


def _positive(value: float | None) -> float | None:
    if value is not None and not value >= _MIN_INTERVAL_SECONDS:  # so that "nan" is none either
        raise typer.BadParameter("expected a number of seconds, 1 or more")
    return value


def watch(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    once: Annotated[bool, typer.Option("--once", help="One attempt, then end: for cron and CI.")] = False,
    interval: Annotated[
        float,
        typer.Option(
            "--interval", metavar="SECONDS", callback=_positive, help="Between two full passes, give or take a tenth."
        ),
    ] = 600.0,
    poll: Annotated[
        float | None,
        typer.Option(
            "--poll", metavar="SECONDS", callback=_positive, help="Look this often, and do not wait for events."
        ),
    ] = None,
    locked: options.LockedOption = False,
    event_log: Annotated[
        Path | None,
        typer.Option("--event-log", metavar="FILE", readable=False, help="Append each event as a line of JSON."),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option("--metrics-file", metavar="FILE", readable=False, help="Keep Prometheus metrics in this file."),
    ] = None,
    home: options.HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
    quiet: options.QuietOption = False,
    no_color: options.NoColorOption = False,
) -> int:
    """Keep the home as the file says: after every change of either, and again from time to time."""
    from reconciler.loop.notify import service_manager
    from reconciler.loop.reporter import Reporter
    from reconciler.loop.wake import Wake
    from reconciler.loop.watch import Loop, Order, only_watcher
    from reconciler.model.home import Home

    terminal = Terminal(as_json=as_json, quiet=quiet, no_color=no_color)
    env = options.environment(home)
    chosen = options.pass_options(file, only=None, locked=locked)
    order = Order(env=env, options=chosen, interval=interval, poll=poll)
    reporter = Reporter(
        Home(env.home),
        speak=terminal.notice,
        emit=_line if as_json else _nothing,
        manager=service_manager(env.variables),
        event_log=event_log,
        metrics_file=metrics_file,
    )
    with only_watcher(env, terminal.notice):
        wake = Wake()
        try:
            with wake.signals():
                loop = Loop(order, reporter, wake)
                return _once(loop, terminal) if once else _forever(loop)
        finally:
            wake.close()


def _once(loop: Loop, terminal: Terminal) -> int:
    from reconciler.errors import StandstillError

    error = loop.attempt().error
    if error is None or isinstance(error, StandstillError):
        return ExitCode.OK
    if terminal.quiet:
        from reconciler.cli.render import render_error

        terminal.error(render_error(error, terminal.error_style))
    return error.exit_code


def _forever(loop: Loop) -> int:
    import signal

    from reconciler.loop.events import Events  # watchdog takes time to load

    loop.follow = Events(loop.wake)
    try:
        loop.run()
    finally:
        loop.follow.close()
    return ExitCode.INTERRUPTED if loop.wake.stopped_by == signal.SIGINT else ExitCode.OK


def _line(document: JsonObject) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _nothing(_document: JsonObject) -> None:
    """For those who want no events."""
