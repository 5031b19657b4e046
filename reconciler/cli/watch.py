"""``llamagate watch``: keep the home as the file says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, UsageError
from reconciler.loop.defaults import INTERVAL_SECONDS

if TYPE_CHECKING:
    from reconciler.loop.git_follow import Branch
    from reconciler.loop.loop import Loop
    from reconciler.loop.options import LoopOptions

_INTERVALS: Final = (1.0, 7 * 24 * 3600.0)


def _interval(value: float | None) -> float | None:
    shortest, longest = _INTERVALS
    if value is not None and not shortest <= value <= longest:  # so that "nan" is none either
        raise typer.BadParameter("expected a number of seconds, from 1 to a week")
    return value


def watch(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    once: Annotated[bool, typer.Option("--once", help="One attempt, then end: for cron and CI.")] = False,
    interval: Annotated[
        float,
        typer.Option(
            "--interval", metavar="SECONDS", callback=_interval, help="Between two full passes, give or take a tenth."
        ),
    ] = INTERVAL_SECONDS,
    poll: Annotated[
        float | None,
        typer.Option(
            "--poll", metavar="SECONDS", callback=_interval, help="Look this often, and do not wait for events."
        ),
    ] = None,
    repo: Annotated[
        str | None, typer.Option("--repo", metavar="URL", help="Follow a git repository, and not a local file.")
    ] = None,
    ref: Annotated[str, typer.Option("--ref", metavar="REF", help="The branch to follow.")] = "main",
    path: Annotated[
        str, typer.Option("--path", metavar="DIR", help="The folder of the repository that holds the file.")
    ] = "",
    allow_rewind: Annotated[
        bool, typer.Option("--allow-rewind", help="Take a commit that does not descend from the last one, too.")
    ] = False,
    allowed_signers: Annotated[
        Path | None,
        typer.Option(
            "--allowed-signers", metavar="FILE", readable=False, help="Take commits that a key in this file signed."
        ),
    ] = None,
    repo_header_env: Annotated[
        str,
        typer.Option("--repo-header-env", metavar="NAME", help="The variable with a header that the repository wants."),
    ] = "",
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
    """Keep the home as the file says. After every change of either, and again from time to time."""
    from reconciler.loop.loop import Loop
    from reconciler.loop.options import LoopOptions, only_watcher
    from reconciler.loop.reporter import Reporter
    from reconciler.loop.systemd import service_manager
    from reconciler.loop.wake import Wake
    from reconciler.model.home import Home

    terminal = Terminal(as_json=as_json, quiet=quiet, no_color=no_color)
    env = options.environment(home)
    order = LoopOptions(env=env, options=options.pass_options(file, locked=locked), interval=interval, poll=poll)
    if repo is not None:
        from reconciler.loop.git_follow import Branch

        order = _following(
            order,
            Branch(
                url=repo,
                ref=ref,
                path=path,
                header_env=repo_header_env,
                signers=allowed_signers and allowed_signers.absolute(),
                allow_rewind=allow_rewind,
            ),
        )
    elif (ref, path, allow_rewind, allowed_signers, repo_header_env) != ("main", "", False, None, ""):
        raise UsageError("--ref, --path, --allow-rewind, --allowed-signers and --repo-header-env go with --repo")
    reporter = Reporter(
        Home(env.home),
        speak=terminal.notice,
        emit=terminal.line if as_json else lambda _: None,
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


def _following(order: LoopOptions, branch: Branch) -> LoopOptions:
    """The order to follow ``branch``: its file, by its lock, after a look at the newest commit."""
    from dataclasses import replace

    from reconciler.loop.git_follow import following
    from reconciler.model.home import Home
    from reconciler.model.source import Source, SourceKind
    from reconciler.store.watched_file import read_watched

    file = order.options.file
    if file.parent != Path():
        raise UsageError("with --repo, --file is the name of a file in --path DIR of the repository")
    if not Source(SourceKind.GIT, branch.url).is_address:
        branch = replace(branch, url=str(Path(branch.url).absolute()))
    before = read_watched(Home(order.env.home))
    taken = before.attempted if before is not None and before.repository == str(branch) else None
    last = taken.commit if taken is not None else ""
    follower = following(branch, Home(order.env.home), order.env.variables, last=last)
    chosen = replace(order.options, file=follower.folder / file.name, locked=True)
    return replace(order, options=chosen, repository=str(branch), fetch=follower.fetch)


def _once(loop: Loop, terminal: Terminal) -> int:
    from reconciler.errors import StandstillError

    error = loop.once().error
    if error is None or isinstance(error, StandstillError):
        return ExitCode.OK
    if terminal.quiet:
        from reconciler.cli.ui.text import render_error

        terminal.error(render_error(error, terminal.error_style))
    return error.exit_code


def _forever(loop: Loop) -> int:
    import signal

    from reconciler.loop.events import Events  # watchdog takes time to load

    loop.events = Events(loop.wake)
    try:
        loop.run()
    finally:
        loop.events.close()
    return ExitCode.INTERRUPTED if loop.wake.stopped_by == signal.SIGINT else ExitCode.OK
