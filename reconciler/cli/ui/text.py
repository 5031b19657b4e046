"""Everything else for people: errors, lists, status. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from reconciler.cli.ui.plan import drift_row
from reconciler.cli.ui.style import PLAIN, Style
from reconciler.errors import LlamagateError
from reconciler.model.config import JsonObject
from reconciler.model.plan import Change
from reconciler.model.watched import Aspect

if TYPE_CHECKING:
    from reconciler.commands.cache_gc import Collected
    from reconciler.commands.catalog_build import Built
    from reconciler.commands.restore import KeptBackup
    from reconciler.observe.items import ListedItem
    from reconciler.queries.doctor import Diagnosis
    from reconciler.queries.history import History, HistoryEntry
    from reconciler.queries.outdated import OutdatedItem
    from reconciler.queries.status import Status
    from reconciler.queries.verify import Verified

_MAX_CHANGES: Final = 20
_KIBI: Final = 1024


def render_error(error: LlamagateError, style: Style = PLAIN) -> str:
    """What happened, where, and what to do next. A fault that ends the line above it is not said again."""
    lines = [f"{style.paint('llamagate:', 'red')} {error.message}"]
    for fault in error.faults:
        if str(fault) not in error.message and not lines[-1].endswith(str(fault)):
            lines.append(f"  {fault}")
    if error.advice:
        lines.append(f"  → {error.advice}")
    return "\n".join(lines)


def error_document(error: LlamagateError) -> JsonObject:
    """The document of ``--json`` for a failure."""
    faults: list[JsonObject] = [
        {
            "file": fault.file,
            "line": fault.line,
            "column": fault.column,
            "path": fault.path,
            "message": fault.message,
        }
        for fault in error.faults
    ]
    message = f"{error.message}; {error.advice}" if error.advice else error.message
    return {"error": {"code": error.code, "message": message, "faults": [*faults]}}


def render_list(items: Sequence[ListedItem], style: Style = PLAIN) -> str:
    """A table: kind, id, version, enabled, owner, source, state."""
    if not items:
        return "Nothing is installed."
    heads = ("KIND", "ID", "VERSION", "ENABLED", "OWNER", "STATE", "SOURCE")
    rows = [
        (
            str(item.key.kind),
            item.key.id,
            item.version or "-",
            "yes" if item.enabled else "no",
            item.owner or "-",
            item.state if item.loadable or item.state != "installed" else "not loadable",
            item.source or "-",
        )
        for item in items
    ]
    return _table([heads, *rows], style)


def render_status(status: Status, style: Style = PLAIN) -> str:
    """A few lines that answer: is it as it should be, and if not, what to do."""
    lines = [_verdict(status, style)]
    lines += [f"  drift: {drift_row(row)}" for row in status.drift]
    if any(row.change is Change.EDITED for row in status.drift):
        lines.append("  'llamagate status --diff ID' shows what was changed")
    if status.pending:
        lines.append(f"  {_counted(status.pending, 'change')} pending; 'llamagate plan' shows what")
    if status.unreachable:
        lines.append(f"  what is pending is not known: {status.unreachable}")
    if status.refused:
        lines.append(f"  {_counted(status.refused, 'refusal')}; 'llamagate plan' shows why")
    if status.stale:
        lines += ["  the lock does not fit; 'llamagate lock', or an apply, renews it:"]
        lines += [f"    {line}" for line in status.stale]
    if status.hold:
        lines.append(f"  on hold since generation {status.hold.generation}: {status.hold.reason}")
    lines += [f"  suspended: {one.item or 'everything'}: {one.reason}" for one in status.suspensions]
    lines += _watcher(status)
    lines.append(f"  {_counted(len(status.items), 'item')} installed; {_gateway(status)}")
    return "\n".join(lines)


def render_history(history: History, style: Style = PLAIN) -> str:
    """A line for each generation, and below it what it changed."""
    if not history.entries:
        return "Nothing was applied here yet."
    lines = []
    for entry in history.entries:
        lines.append(style.paint(_generation(entry, history.generation), "bold"))
        changes = ("what it changed is no longer known",) if entry.changes is None else entry.changes
        lines += [f"      {line}" for line in changes[:_MAX_CHANGES]]
        if len(changes) > _MAX_CHANGES:
            lines.append(f"      … and {len(changes) - _MAX_CHANGES} more (--json shows all)")
    return "\n".join(lines)


_UNREADABLE: Final = {
    "damaged": "damaged: its document is not what was written",
    "newer": "a newer llamagate wrote it; use that version",
}


def _generation(entry: HistoryEntry, in_force: int) -> str:
    from reconciler.model.generation import Unreadable  # a history has loaded it

    one = entry.generation
    if isinstance(one, Unreadable):
        return f"{entry.number:>4}  ({_UNREADABLE[one]})"
    back = f"  (the list of generation {one.list_of} again)" if one.list_of != one.number else ""
    force = "  in force" if one.number == in_force else ""
    return f"{one.number:>4}  {one.applied_at[:19].replace('T', ' ')}  {one.command}{back}{force}"


def render_backups(backups: Sequence[KeptBackup], style: Style = PLAIN) -> str:
    """A table of one item's backups."""
    heads = ("ID", "VERSION", "REPLACED BY GENERATION", "AT", "FOLDER")
    rows = [
        (
            backup.key.id,
            backup.version or "-",
            str(backup.generation),
            backup.replaced_at[:19].replace("T", " ") or "-",
            str(backup.path),
        )
        for backup in backups
    ]
    return _table([heads, *rows], style)


def render_verified(found: Verified, style: Style = PLAIN) -> str:
    """What was read, and what is not as it was written."""
    head = f"{_counted(found.files, 'file')} of {_counted(found.items, 'item')} read"
    if found.is_good:
        return style.paint(f"{head}: all as they were installed.", "green")
    rows = [*(drift_row(row) for row in found.drift), *found.damaged]
    lines = [style.paint(f"{head}: {_counted(len(rows), 'difference')}.", "yellow"), *(f"  {row}" for row in rows)]
    if any(row.change is Change.EDITED for row in found.drift):
        lines.append("  'llamagate status --diff ID' shows what was changed")
    return "\n".join(lines)


def render_examined(found: Diagnosis, style: Style = PLAIN) -> str:
    """Each finding with what mends it."""
    if not found.findings:
        return style.paint("Nothing is wrong that this command knows of.", "green")
    lines = []
    for finding in found.findings:
        colour = "red" if finding.level == "problem" else "yellow"
        lines += [f"{style.paint(f'{finding.level}:', colour)} {finding.message}", f"  → {finding.mend}"]
    return "\n".join(lines)


def render_outdated(found: Sequence[OutdatedItem], style: Style = PLAIN, *, every: bool = False) -> str:
    """A table of what is pinned and what there is; below it what else changed at a source."""
    shown = [one for one in found if one.is_outdated or one.notes or every]
    if not shown:
        return "Everything that is pinned is the newest." if found else "Nothing comes from a repository or a catalog."
    heads = ("ID", "LOCKED", "WANTED", "LATEST", "RANGE", "SOURCE")
    rows = [
        (
            one.item.key.id,
            one.locked or "-",
            one.wanted,
            one.latest or "-",
            one.item.version or "-",
            str(one.item.source),
        )
        for one in shown
    ]
    notes = [f"  {one.item.key.id}: {note}" for one in shown for note in one.notes]
    hint = ["'llamagate lock --upgrade [ID]' moves pins to what is WANTED"] if any(one.moves for one in shown) else []
    return "\n".join([_table([heads, *rows], style), *notes, *hint])


def render_built(built: Built) -> str:
    """What is new in a catalog."""
    count = sum(len(versions) for versions in built.catalog.items.values())
    lines = [f"packed {path}" for path in built.packed]
    lines += [f"  + {added}" for added in built.added] + [f"  - {gone}: its file is gone" for gone in built.gone]
    return "\n".join(
        [*lines, f"{built.index} lists {_counted(count, 'version')} of {_counted(len(built.catalog.items), 'item')}."]
    )


def render_collected(collected: Collected) -> str:
    """What was dropped from the cache."""
    lines = [f"  - {dropped.what} ({_size(dropped.size)})" for dropped in collected.dropped]
    verb = "Would free" if collected.dry_run else "Freed"
    total = sum(dropped.size for dropped in collected.dropped)
    head = f"{verb} {_size(total)}:" if lines else "Everything in the cache is needed."
    return "\n".join([head, *lines])


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < _KIBI:
            return f"{size:.0f} {unit}"
        size /= _KIBI
    return f"{size:.1f} GiB"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _verdict(status: Status, style: Style) -> str:
    if status.transaction == "running":
        return style.paint("A change is under way.", "yellow")
    if status.transaction == "interrupted":
        return style.paint("A change was interrupted: run 'llamagate recover'.", "red")
    if not status.has_file:
        return f"Generation {status.generation}; no desired state here to compare with."
    if status.in_sync:
        return style.paint(f"In sync (generation {status.generation}).", "green")
    return style.paint(f"Not in sync (generation {status.generation}).", "yellow")


def _watcher(status: Status) -> Iterator[str]:
    """What the watcher last did, and each condition that is not as one wishes it."""
    watcher = status.watcher
    if watcher is None:
        return
    watched = watcher.repository or watcher.file
    ended = "" if status.is_watched else ", but is not running now"
    yield f"  a watcher followed {watched} ({watcher.triggers}){ended}"
    last = watcher.attempted
    if last is not None:
        yield f"    last attempt {last.at[:19].replace('T', ' ')}: {last.result}, {last.message}"
    for aspect, condition in watcher.conditions.items():
        wished = "True" if aspect in (Aspect.READY, Aspect.GATEWAY_RELOADED) else "False"
        if condition.status != wished:
            yield f"    {aspect} is {condition.status.lower()} ({condition.reason}): {condition.message}"


def _gateway(status: Status) -> str:
    if status.gateway_url is None:
        return "no gateway to ask"
    return f"the gateway at {status.gateway_url} {'answers' if status.gateway_reachable else 'does not answer'}"


def _table(rows: Sequence[Sequence[str]], style: Style) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([style.paint(lines[0], "bold"), *lines[1:]])
