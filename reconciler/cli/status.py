"""``llamagate status``: is the home as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli.flags import ITEM_OPTION
from reconciler.cli.gateway_hint import gateway_hints
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import one_word
from reconciler.cli.plan import detailed_code
from reconciler.cli.ui.diff import Detail, DiffLines
from reconciler.cli.ui.diff_rows import diff_rows
from reconciler.cli.ui.plan_rows import drift_rows
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted, moment
from reconciler.errors import ExitCode
from reconciler.gateway.call import Cause
from reconciler.model.config import JsonObject
from reconciler.model.plan import Change
from reconciler.model.watched import Aspect
from reconciler.queries.edits import drift_of_item
from reconciler.queries.status import Status, read_status


def status(
    invocation: Invocation,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar=ITEM_OPTION, help="Show what was changed by hand in this item's files."),
    ] = None,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode", help="Exit with 2: changes are pending; 3: drift only; 5: refused; 7: interrupted."
        ),
    ] = False,
) -> int:
    """Show whether the home matches llamagate.yaml.

    Also shows files changed by hand, pending changes, the gateway and the watcher.

    Example: llamagate status
    Example: llamagate status --diff greeter
    Exit codes: 0 shown; also if the home does not match, 1, 2, 3, 5, 7, 8
    """
    if diff is not None:
        return _show_edits(invocation, diff)
    found = read_status(invocation.env, invocation.named_file)
    if found.note:
        invocation.terminal.notice(found.note)
    for line in gateway_hints(invocation.env, found.gateway_url, found.gateway_state, Path.cwd()):
        invocation.terminal.notice(line)
    code = _detailed_code(found) if detailed_exitcode else ExitCode.OK
    return invocation.answer(found.to_document(), render_status(found, invocation.terminal.style), code)


def _show_edits(invocation: Invocation, named: str) -> ExitCode:
    kind, item = one_word(named)
    found: JsonObject = {"files": drift_of_item(invocation.env, item, kind)}
    terminal = invocation.terminal
    rows = diff_rows(DiffLines(Detail.FULL).of(found), terminal.style, terminal.columns)
    text = "\n".join(rows) or f"{item}: its files are as they were installed."
    return invocation.answer({"id": item, "diff": found}, text, is_long=True)


def _detailed_code(status: Status) -> ExitCode:
    if status.transaction != "none":
        return ExitCode.BUSY if status.transaction == "running" else ExitCode.NEEDS_RECOVERY
    if status.unreachable:
        return ExitCode.ERROR
    pending = bool(status.pending or status.stale)
    return detailed_code(refused=status.refused > 0, pending=pending, drift=not status.in_sync)


def render_status(status: Status, style: Style) -> str:
    """A few lines that answer: is it as it should be, and if not, what to do."""
    return "\n".join([_verdict(status, style), *(f"  {line}" for line in _lines(status))])


def _verdict(status: Status, style: Style) -> str:
    if status.transaction == "running":
        return style.paint("A change is running.", "yellow")
    if status.transaction == "interrupted":
        return style.paint("A change was interrupted: run 'llamagate recover'.", "red")
    if not status.has_file:
        return f"Generation {status.generation}; no llamagate.yaml in this folder to compare with."
    if status.in_sync:
        return style.paint(f"In sync (generation {status.generation}).", "green")
    return style.paint(f"Not in sync (generation {status.generation}).", "yellow")


def _lines(status: Status) -> Iterator[str]:
    yield from (f"drift: {row}" for row in drift_rows(status.drift))
    if any(row.change is Change.EDITED for row in status.drift):
        yield "'llamagate status --diff ID' shows what was changed by hand"
        yield "'policy.drift.edited: heal' in llamagate.yaml puts back what was installed, after a backup"
    if status.has_file and any(row.change is Change.OTHER_VERSION for row in status.drift):
        yield "'llamagate apply --overwrite --only ID' puts back the version that the file lists, after a backup"
    if status.pending:
        yield f"{counted(status.pending, 'change')} pending; 'llamagate plan' shows what"
    if status.unreachable:
        what = "pending changes are" if status.has_file else "what was changed is"
        yield f"{what} unknown: {status.unreachable}"
    if status.refused:
        yield f"{counted(status.refused, 'refusal')}; 'llamagate plan' shows why"
    yield from status.expired
    if status.stale:
        yield "the lock is out of date; 'llamagate lock' or 'llamagate apply' updates it:"
        yield from (f"  {line}" for line in status.stale)
    if status.confirm_by:
        one = status.confirm_by
        yield f"generation {one.generation} waits for 'llamagate confirm' until {moment(one.until)}, else it is undone"
    if status.hold:
        yield f"the watcher is paused since generation {status.hold.generation}: {status.hold.reason}"
    yield from (f"the watcher is paused for {one.what}: {one.reason}" for one in status.suspensions)
    yield from _watcher(status)
    yield f"{counted(len(status.items), 'item')} installed; {_gateway(status)}"
    if status.serving is not None:
        yield from (f"  {note}" for note in (*status.serving.notes, *status.serving.unread))


def _watcher(status: Status) -> Iterator[str]:
    """What the watcher last did, and each condition that is not as one wishes it."""
    watcher = status.watcher
    if watcher is None:
        return
    watched = watcher.repository or watcher.file
    if watcher.is_once and not status.is_watched:
        yield f"'watch --once' follows {watched}"
    else:
        follows, ended = ("follows", "") if status.is_watched else ("followed", ", but is not running now")
        yield f"a watcher {follows} {watched} ({watcher.triggers}){ended}"
    last = watcher.attempted
    if last is not None:
        yield f"  last attempt {moment(last.at)}: {last.result}, {last.message}"
    for aspect, condition in watcher.conditions.items():
        wished = "True" if aspect in (Aspect.READY, Aspect.GATEWAY_RELOADED) else "False"
        if condition.status != wished:
            yield f"  {aspect} is {condition.status.lower()} ({condition.reason}): {condition.message}"


def _gateway(status: Status) -> str:
    if status.serving is None:
        return "no gateway known for this home; name one with --gateway URL"
    unknown = "does not say what it serves:" if isinstance(status.serving.state, Cause) else ""
    return f"the gateway at {status.gateway_url} {_SERVES.get(status.serving.state, unknown)}"


_SERVES: Final = {
    "Served": "serves what is installed",
    "NotServed": "does not serve what is installed:",
    "RestartNeeded": "must be restarted:",
    Cause.UNREACHABLE: "does not answer",
    Cause.NO_EXTENSIONS: "has no extensions",
}
