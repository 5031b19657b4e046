"""``llamagate watch``: keep the home as the file says."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from msgspec import Struct
from msgspec.structs import replace

from reconciler.cli.flags import LockedOption, path_option
from reconciler.cli.host_extra import host_extra
from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.error import render_error
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, StandstillError, UsageError
from reconciler.loop.defaults import INTERVAL_SECONDS
from reconciler.loop.git_follow import Branch, following
from reconciler.loop.loop import Loop
from reconciler.loop.options import Clock, LoopOptions, only_watcher
from reconciler.loop.reporter import Reporter
from reconciler.loop.systemd import service_manager
from reconciler.loop.wake import Wake
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.source import Source, SourceKind
from reconciler.queries.metrics import read_metrics
from reconciler.reconcile.options import Options
from reconciler.store.trust_file import host_lists
from reconciler.store.watched_file import read_watched

Signedness = Literal["tip", "all"]
_MAX_INTERVAL_SECONDS: Final = 7 * 24 * 3600


def _interval_option(name: str, *, help: str) -> Any:
    return typer.Option(name, metavar="SECONDS", callback=_interval, help=help)


def _interval(value: float | None) -> float | None:
    if value is not None and not 1 <= value <= _MAX_INTERVAL_SECONDS:  # so that "nan" is none either
        raise typer.BadParameter("expected a number of seconds, from 1 to a week")
    return value


class WatchInvocation(Invocation, frozen=True, kw_only=True, dict=True):
    """Of ``watch``, which prints more than one document."""

    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False


class RepoFlags(Struct, frozen=True, kw_only=True):
    """Which branch of which repository is followed; none where ``--repo`` is not given."""

    repo: Annotated[
        str | None, typer.Option("--repo", metavar="URL", help="Follow a git repository instead of a local file.")
    ] = None
    ref: Annotated[
        str, typer.Option("--ref", metavar="REF", help="The branch to follow; refs/tags/NAME for a tag.")
    ] = "main"
    path: Annotated[
        str, typer.Option("--path", metavar="DIR", help="The folder of the repository that holds the file.")
    ] = ""
    allow_rewind: Annotated[
        bool, typer.Option("--allow-rewind", help="Accept a commit that does not descend from the last one.")
    ] = False
    allowed_signers: Annotated[
        Path | None, path_option("--allowed-signers", help="Accept only commits signed by a key in this file.")
    ] = None
    revoked_keys: Annotated[
        Path | None, path_option("--revoked-keys", help="Accept no commit signed by a key in this file.")
    ] = None
    signed: Annotated[
        Signedness,
        typer.Option("--signed", metavar="tip|all", help="Whether the newest commit must be signed, or all new ones."),
    ] = "tip"
    repo_header_env: Annotated[
        str,
        typer.Option("--repo-header-env", metavar="NAME", help="The variable with an HTTP header for the repository."),
    ] = ""

    def branch(self, env: Environment) -> Branch | None:
        """What is followed, if anything; by the signers of this host where no others are named.

        ``UsageError`` where the others are given without ``--repo``.
        """
        if self.repo is None:
            if self != RepoFlags():
                others = "--ref, --path, --allow-rewind, --allowed-signers, --revoked-keys, --signed"
                raise UsageError(f"{others} and --repo-header-env work only with --repo")
            return None
        signers, revoked = host_lists(env)
        signers = self.allowed_signers.absolute() if self.allowed_signers else signers
        revoked = self.revoked_keys.absolute() if self.revoked_keys else revoked
        if signers is None and (self.revoked_keys or self.signed == "all"):
            message = "--signed all and --revoked-keys work only with --allowed-signers, or with signers of this host"
            raise UsageError(message)
        is_address = Source(SourceKind.GIT, self.repo).is_address
        return Branch(
            url=self.repo if is_address else str(Path(self.repo).absolute()),
            ref=self.ref,
            path=self.path,
            header_env=self.repo_header_env,
            signers=signers,
            revoked=revoked,
            checks_all=self.signed == "all",
            allow_rewind=self.allow_rewind,
        )


class ReportFlags(Struct, frozen=True, kw_only=True):
    """Where the watcher reports to, besides its own output."""

    event_log: Annotated[Path | None, path_option("--event-log", help="Append each event as a line of JSON.")] = None
    metrics_file: Annotated[
        Path | None, path_option("--metrics-file", help="Write Prometheus metrics to this file.")
    ] = None

    def reporter(self, invocation: Invocation, file: Path) -> Reporter:
        """``file`` is what the watcher follows."""
        env, terminal = invocation.env, invocation.terminal
        return Reporter(
            Home(env.home),
            speak=terminal.notice,
            emit=terminal.line if invocation.as_json else lambda _: None,
            manager=service_manager(env.variables),
            event_log=self.event_log,
            metrics_file=self.metrics_file,
            figures=lambda: read_metrics(replace(env, now=datetime.now(UTC)), file),
        )


def watch(
    invocation: WatchInvocation,
    report: ReportFlags,
    followed: RepoFlags,
    once: Annotated[bool, typer.Option("--once", help="Apply once, then end: for cron and CI.")] = False,
    interval: Annotated[
        float, _interval_option("--interval", help="Time between two full checks, give or take a tenth.")
    ] = INTERVAL_SECONDS,
    poll: Annotated[
        float | None, _interval_option("--poll", help="Look for changes this often; use no file events.")
    ] = None,
    outdated: Annotated[
        float | None,
        _interval_option("--outdated", help="Ask the sources this often for newer versions, and count them."),
    ] = None,
    locked: LockedOption = False,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="ADDRESS:PORT", help="Serve a page at /ui/, /readyz and /metrics there."),
    ] = None,
) -> int:
    """Run all the time, and apply every change of llamagate.yaml.

    Changes of the home are repaired too. With --once it applies once and ends: for cron and CI.

    Example: llamagate watch
    Example: llamagate watch --repo https://git.example.com/team/home.git --ref main
    Exit codes: 0 ended by a TERM signal; with --once: done; or paused, 1, 4, 5, 6, 7, 8, 9, 10
    """
    if once and listen is not None:
        raise UsageError("--once ends at once; --listen is for a watcher that goes on")
    env, terminal, branch = invocation.env, invocation.terminal, followed.branch(invocation.env)
    options = LoopOptions(
        env=env, options=Options(file=invocation.file, locked=locked), interval=interval, poll=poll, outdated=outdated
    )
    if branch is not None:
        options = _following(options, branch)
    reporter = report.reporter(invocation, options.options.file)
    with _listening(listen, invocation) as serving, only_watcher(env, terminal.notice):
        wake = Wake()
        try:
            with wake.signals():
                loop = Loop(options, reporter, wake, clock=Clock())
                return _once(loop, terminal) if once else _forever(loop, serving)
        finally:
            wake.close()


@contextmanager
def _listening(address: str | None, invocation: Invocation) -> Iterator[Callable[[Loop], bool] | None]:
    """What serves beside a loop, and says whether Ctrl-C ended it; ``None`` where there is no ``address``."""
    if address is None:
        yield None
        return
    with host_extra("watch --listen"):
        from reconciler.cli.listening import listening  # lazy: the host is an extra, whose packages may be missing
    with listening(address, invocation) as serving:
        yield serving


def _following(options: LoopOptions, branch: Branch) -> LoopOptions:
    """The options to follow ``branch``: its file, by its lock, after a look at the newest commit."""
    home, file = Home(options.env.home), options.options.file
    if file.parent != Path():
        raise UsageError(
            "with --repo, --file is only the name of a file; give its folder in the repository with --path"
        )
    before = read_watched(home)
    taken = before.attempted if before is not None and before.repository == str(branch) else None
    follower = following(branch, home, options.env.variables, last=taken.commit if taken is not None else "")
    chosen = replace(options.options, file=follower.folder / file.name, locked=True)
    return replace(options, options=chosen, repository=str(branch), ref=branch.ref, fetch=follower.fetch)


def _once(loop: Loop, terminal: Terminal) -> int:
    tried = loop.once()
    error = tried.error
    if error is None:
        return ExitCode.OK
    if isinstance(error, StandstillError):
        return ExitCode.REFUSED if tried.distrust else ExitCode.OK
    if terminal.quiet:
        terminal.error(render_error(error, terminal.error_style))
    return error.exit_code


def _forever(loop: Loop, serving: Callable[[Loop], bool] | None) -> int:
    from reconciler.loop.events import Events  # lazy: it loads watchdog, which --once does not need

    loop.events = Events(loop.wake, loop.clock.monotonic)
    try:
        is_interrupted = serving(loop) if serving else _runs(loop)
    finally:
        loop.events.close()
    return ExitCode.INTERRUPTED if is_interrupted else ExitCode.OK


def _runs(loop: Loop) -> bool:
    loop.run()
    return loop.wake.stopped_by == signal.SIGINT
