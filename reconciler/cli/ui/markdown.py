"""A plan as Markdown, for the description of a pull request or a comment on it.

What packages wrote is only ever in a fence that is longer than any in it, or in a code span: it closes nothing, links
to nothing and mentions nobody. Only our own words are Markdown.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.cli.ui.diff import Detail, DiffLines
from reconciler.cli.ui.diff_line import Level, Line
from reconciler.cli.ui.diff_rows import diff_rows
from reconciler.cli.ui.plan_rows import drift_rows, named, refusal_rows, tally, told_reasons, versions
from reconciler.cli.ui.style import PLAIN
from reconciler.cli.ui.words import counted
from reconciler.documents.unseen import visible
from reconciler.model.note import notes_once
from reconciler.model.regex import regex
from reconciler.planning.names import Name, names_in
from reconciler.planning.review import SEEN_FROM_THE_ACTION, Changed, Review

MAX_BYTES: Final = 60_000
"""Of the whole page: GitHub takes 65,536 characters."""
_END_BYTES: Final = 1_000
_LIST_BYTES: Final = 6_000
"""Of each list beside the items: marks, refusals, drift and warnings."""
_TICKS: Final = regex("`+")


def render_markdown(found: Review, detail: Detail = Detail.SHORT, command: str = "llamagate apply") -> str:
    """The page, with the ``command`` that does it; less than ``MAX_BYTES``, whatever is in the plan."""
    parts = [f"### llamagate: {_headline(found)}", *_lists(found)]
    left = MAX_BYTES - _END_BYTES - sum(map(_size, parts))
    parts += _items(found, detail, left)
    return "\n\n".join([*parts, _end(found, command)])


def _headline(found: Review) -> str:
    plan = found.plan
    said = ", ".join(_tally(*tally(part)) for part in found.parts)
    if plan.refusals:
        return f"refused, {counted(len(plan.refusals), 'refusal')}" + (f" ({said})" if said else "")
    if said:
        return said
    return "the registry is rebuilt" if plan.changes else "only the lock changes" if plan.stale else "nothing changes"


def _tally(said: str, pairs: str) -> str:
    return f"{said} ({_span(pairs)})" if pairs else said


def _lists(found: Review) -> Iterator[str]:
    plan, name = found.plan, names_in(found.plan)
    lists = {
        "Look at this first": [f"! {named(row, name)}: {row.message}" for row in found.marked],
        "Refused": [f"- {row}" for row in refusal_rows(plan)],
        "Drift": drift_rows(plan.drift, name),
        "Lock": found.stale,
        "Warnings": notes_once(plan.warnings),
    }
    for title, rows in lists.items():
        if rows:
            yield f"**{title}**\n\n{_fence(_cut(rows), 'diff' if rows[0][0] in '!-' else 'text')}"


def _cut(rows: Iterable[str]) -> Iterator[str]:
    """As many of ``rows`` as there is room for; how many there are of the others."""
    left, more = _LIST_BYTES, 0
    for row in rows:
        left -= _size(row)
        if left >= 0 and not more:
            yield row
        else:
            more += 1
    if more:
        yield f"… and {more} more"


def _items(found: Review, detail: Detail, left: int) -> Iterator[str]:
    """A fold for each change. What has no more room is named without its lines, then only counted."""
    diffs, name = DiffLines(detail), names_in(found.plan)
    more = 0
    for part in found.parts:
        for change in part.changes if detail in (Detail.SHORT, Detail.NONE) else part.with_all_files:
            block = "" if more else _fitting(change, name, _rows(change, name, diffs), left)
            more += 0 if block else len(change.actions)
            left -= _size(block)
            if block:
                yield block
    if more:
        yield f"… and {counted(more, 'more item')}, for which there is no room here: see the plan itself."


def _fitting(change: Changed, name: Name, rows: list[str], room: int) -> str:
    """The fold with as many of its rows as there is room for; nothing where there is not even room for its name."""
    block, kept = _fold(change, name, rows), len(rows)
    while kept and _size(block) > room:
        kept = int(kept * min(0.9, room / _size(block)))
        left_out = counted(len(rows) - kept, "line")
        block = _fold(change, name, [*rows[:kept], f"… no room here for the last {left_out}"] if kept else [])
    return block if _size(block) <= room else ""


def _rows(change: Changed, name: Name, diffs: DiffLines) -> list[str]:
    first = change.first
    marks = [f"! {mark.message}" for mark in first.marks if mark.code not in SEEN_FROM_THE_ACTION]
    many = [f"# {', '.join(name(action.key) for action in change.actions)}"] if len(change.actions) > 1 else []
    return [*many, *marks, *(f"# {reason}" for reason in told_reasons(first)), *map(_row, diffs.of(change.diff))]


def _row(line: Line) -> str:
    """A line as those who colour diffs know it: the sign first, and of a file its head between ``@@``."""
    if line.level is Level.FILE:
        return f"@@ {line.text} @@"
    [row] = diff_rows([line], PLAIN)
    return row.strip(" ") if line.level in (Level.GAP, Level.MORE) else row.removeprefix("    ").rstrip(" ")


def _fold(change: Changed, name: Name, rows: list[str]) -> str:
    first = change.first
    who = name(first.key) if len(change.actions) == 1 else f"{len(change.actions)} items"
    head = f"{change.what} {_code(who)} {_code(versions(first))}".rstrip()
    head = f"<b>{head}</b>" if first.marks else head
    if not rows:
        return f"<details><summary>{head}</summary></details>"
    return f"<details><summary>{head}</summary>\n\n{_fence(rows, 'diff')}\n\n</details>"


def _end(found: Review, command: str) -> str:
    plan = found.plan
    if plan.refusals or not plan.pending:
        return f"Generation {plan.generation}, plan `{found.digest}`."
    fenced = _fence([f"{command} --expect {found.digest}"], "sh")
    return f"Generation {plan.generation}. To apply exactly this:\n\n{fenced}"


def _fence(rows: Iterable[str], language: str) -> str:
    """``rows`` in a fence that none of them can close: it is longer than any stretch of backticks in them."""
    text = "\n".join(_one_line(row) for row in rows)
    fence = "`" * max(3, 1 + _longest(text))
    return f"{fence}{language}\n{text}\n{fence}"


def _span(text: str) -> str:
    """``text`` as a code span that nothing in it can end."""
    text = _one_line(text)
    ticks = "`" * (1 + _longest(text))
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def _code(text: str) -> str:
    """``text`` within a line of HTML, where Markdown means nothing."""
    return f"<code>{html.escape(_one_line(text))}</code>" if text else ""


def _one_line(text: str) -> str:
    """On one line, and without characters that nobody sees."""
    return visible(text.replace("\n", " ")).text


def _longest(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


def _size(text: str) -> int:
    """In bytes, with the empty line that follows."""
    return len(text.encode(errors="replace")) + 2
