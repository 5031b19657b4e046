"""A plan as a page for people: what counts most first, then what changes inside, and at the end what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from reconciler.cli.ui.diff import Detail, DiffLines
from reconciler.cli.ui.diff_line import Level
from reconciler.cli.ui.diff_rows import diff_rows
from reconciler.cli.ui.plan_rows import COUNTED, drift_rows, named, refusal_rows, tallies, told_reasons, versions
from reconciler.cli.ui.style import PLAIN, Style
from reconciler.cli.ui.words import counted
from reconciler.codes import WarningCode
from reconciler.model.note import notes_once
from reconciler.model.plan import ActionKind, Change, Plan
from reconciler.planning.names import names_in
from reconciler.planning.review import MOST_CHANGES, REPLACE, Changed, Review, review

WIDTH: Final = 80
"""Of a page in columns, where nothing says how wide it is."""
MOST_ROWS: Final = 40
"""Of drift, refusals, marks and warnings, each."""
_INDENT: Final = " " * 6
_COMPACT: Final = 2
_MOST_IDS: Final = 60

_LOOKS: Final = {
    ActionKind.INSTALL: ("+", "green"),
    ActionKind.REMOVE: ("-", "red"),
    ActionKind.UPDATE: ("~", "yellow"),
    ActionKind.DOWNGRADE: ("~", "red"),
    ActionKind.ADOPT: ("=", "cyan"),
    ActionKind.REPAIR: ("!", "yellow"),
    ActionKind.CONFIGURE: ("~", "yellow"),
    ActionKind.ENABLE: ("~", "green"),
    ActionKind.DISABLE: ("~", "yellow"),
    REPLACE: ("±", "red"),
}


class Wording(Struct, frozen=True, kw_only=True):
    """How a plan that is only shown speaks, and what the last line says where nothing changes."""

    nothing: str = "No changes: everything is as the file says"
    command: str = "llamagate apply"
    would: str = ""
    head: str = "Plan"
    next: str = "Run '{command}' to do it."
    has_digest: bool = True


FOR_A_FILE: Final = Wording()
FOR_A_COMMAND: Final = Wording(
    nothing="Nothing to do",
    would="would ",
    head="Dry run",
    next="Run it without --dry-run to do it.",
    has_digest=False,
)


class Page(Struct, frozen=True, kw_only=True):
    """How a plan is shown. ``done``: it has been carried out, and the last line says so.

    ``columns`` is how wide it is, where that is known: then lines of files are folded.
    """

    style: Style = PLAIN
    detail: Detail = Detail.SHORT
    columns: int | None = None
    done: bool = False
    wording: Wording = FOR_A_FILE

    @property
    def width(self) -> int:
        """In columns."""
        return self.columns or WIDTH

    @property
    def is_cut(self) -> bool:
        """Whether what is long is counted from some line on."""
        return self.detail in (Detail.SHORT, Detail.NONE)


PAGE: Final = Page()


def render_plan(plan: Plan, page: Page = PAGE) -> str:
    """The whole plan."""
    return render_review(review(plan), page)


def render_review(found: Review, page: Page = PAGE) -> str:
    """The whole plan, as it is reviewed."""
    plan = found.plan
    name = names_in(plan)
    parts = [
        "" if page.done or not plan.changes else _bold(f"{page.wording.head}: {tallies(found)}", page),
        _section("Look at this first", [f"! {named(row, name)}: {row.message}" for row in found.marked], "red", page),
        render_refusals(plan, page),
        _spaced(_changes(found, page)),
        _section("Drift that was found" if page.done else "Drift", drift_rows(plan.drift, name), "yellow", page),
        "" if page.done else _section("Lock", [*found.stale], "yellow", page),
        _section("Warnings", notes_once(plan.warnings), "yellow", page),
        "\n".join(_end(found, page)),
    ]
    return "\n\n".join(part for part in parts if part)


def render_refusals(plan: Plan, page: Page = PAGE) -> str:
    """Why the plan is not applied."""
    return _section("Refused", refusal_rows(plan), "red", page)


def _changes(found: Review, page: Page) -> Iterator[list[str]]:
    blocks = [(part, part.changes[:MOST_CHANGES] if page.is_cut else part.with_all_files) for part in found.parts]
    shown = [change for _, changes in blocks for change in changes]
    widths = (
        max((len(_named(change)) for change in shown), default=0),
        max((len(versions(change.first)) for change in shown), default=0),
    )
    diffs = DiffLines(page.detail)
    for part, changes in blocks:
        for change in changes:
            yield [*_change(change, page, diffs, widths)]
        if rest := part.count - sum(len(change.actions) for change in changes):
            said = f"… and {rest} more {COUNTED[part.what][page.done]} (--full shows all)"
            yield [f"  {page.style.paint(said, 'dim')}"]


def _spaced(blocks: Iterable[list[str]]) -> str:
    """The blocks, with an empty line around each that is long."""
    rows: list[str] = []
    was_long = False
    for block in blocks:
        is_long = len(block) > _COMPACT
        rows += ["", *block] if rows and (is_long or was_long) else block
        was_long = is_long
    return "\n".join(rows)


def _change(change: Changed, page: Page, diffs: DiffLines, widths: tuple[int, int]) -> Iterator[str]:
    sign, colour = _LOOKS[change.what]
    first = change.first
    would = "" if page.done else page.wording.would
    columns = f"{_named(change):<{widths[0]}}  {versions(first):<{widths[1]}}  {first.key.kind}"
    head = f"{sign} {would}{change.what:<9}  {columns}"
    lines = [*diffs.of(change.diff)]
    reasons = told_reasons(first)
    if not reasons and [line.level for line in lines] == [Level.MORE]:
        reasons = [f"{line.sign} {line.text}" for line in lines]
        lines = []
    if len(reasons) == 1 and len(head) + len(reasons[0]) + 4 <= page.width:
        yield f"  {page.style.paint(head, colour)}  {page.style.paint(reasons[0], 'dim')}"
    else:
        yield f"  {page.style.paint(head, colour)}"
        yield from (f"{_INDENT}{page.style.paint(reason, 'dim')}" for reason in reasons)
    if len(change.actions) > 1:
        yield from (f"{_INDENT}{line}" for line in _ids(change, page))
    room = None if page.columns is None else page.columns - len(_INDENT)
    yield from (f"{_INDENT}{row}".rstrip(" ") for row in diff_rows(lines, page.style, room))


def _named(change: Changed) -> str:
    return change.first.key.id if len(change.actions) == 1 else f"{len(change.actions)} items"


def _ids(change: Changed, page: Page) -> list[str]:
    most = _MOST_IDS if page.is_cut else len(change.ids)
    more = [f"and {len(change.ids) - most} more"] if len(change.ids) > most else []
    text = ", ".join([*change.ids[:most], *more])
    return textwrap.wrap(text, page.width - len(_INDENT), break_long_words=False, break_on_hyphens=False)


def _section(title: str, rows: Sequence[str], colour: str, page: Page) -> str:
    if not rows:
        return ""
    most = MOST_ROWS if page.is_cut else len(rows)
    more = [page.style.paint(f"… and {len(rows) - most} more (--full shows all)", "dim")] if len(rows) > most else []
    shown = (f"  {line}" for row in rows[:most] for line in _wrapped(row, page.columns))
    return "\n".join([page.style.paint(title, colour), *shown, *(f"  {row}" for row in more)])


def _bold(text: str, page: Page) -> str:
    return "\n".join(page.style.paint(line, "bold") for line in _wrapped(text, page.columns))


def _wrapped(row: str, columns: int | None) -> list[str]:
    """``row`` as several lines where it is too long for the page, the others indented by two."""
    if columns is None:
        return [row]
    return textwrap.wrap(
        row, max(20, columns - 2), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _end(found: Review, page: Page) -> Iterator[str]:
    said, what_next = _summary(found, page)
    is_short = len(said) + 1 + len(what_next) <= page.width
    yield _bold(f"{said} {what_next}".rstrip() if is_short else said, page)
    if what_next and not is_short:
        yield _bold(what_next, page)
    if not page.done and page.wording.has_digest and found.plan.pending and not found.plan.refusals:
        yield page.style.paint(f"Digest: {found.digest}", "dim")


def _summary(found: Review, page: Page) -> tuple[str, str]:
    """The last line, and what to do next."""
    plan, wording = found.plan, page.wording
    if plan.refusals:
        return f"Nothing was changed: {counted(len(plan.refusals), 'refusal')} in the plan.", ""
    if not plan.changes:
        if plan.stale and not page.done:
            return (
                f"No changes but to the lock (generation {plan.generation}).",
                f"Run '{wording.command}' to update it.",
            )
        if plan.drift:
            is_other = all(row.change is Change.OTHER_VERSION for row in plan.drift)
            kept = "what another tool installed" if is_other else "what was changed by hand"
            return f"No changes: {kept} {'was kept' if page.done else 'stays'} (generation {plan.generation}).", ""
        if any(note.code == WarningCode.VALUES_UNKNOWN for note in plan.warnings):
            return f"No changes to what is known without secrets (generation {plan.generation}).", ""
        return f"{wording.nothing} (generation {plan.generation}).", ""
    if page.done:
        return f"Applied as generation {plan.generation + 1}: {tallies(found, done=True)}.", ""
    return f"{wording.head}: {tallies(found)}.", wording.next.format(command=wording.command)
