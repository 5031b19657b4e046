"""Two texts as hunks: a unified diff in which the changed words are marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from reconciler.documents.unseen import NO_NEWLINE, unseen_in, visible
from reconciler.model.config import JsonObject
from reconciler.planning.content.alignment import pairs
from reconciler.planning.content.blocks import Block, blocks, words

MAX_TEXT_BYTES: Final = 16 << 20
MAX_LINES: Final = 50_000
"""A text with more than that on either side is only counted: nobody reads such a diff."""
MAX_MARKED: Final = 1 << 17
"""With more characters than that in a stretch that differs, its lines are shown, and no words in them are marked."""
CONTEXT: Final = 3
"""How many lines around a change are shown, as in git."""

Span: TypeAlias = tuple[int, int]


class Sign(StrEnum):
    """What a row of a hunk is."""

    SAME = " "
    REMOVED = "-"
    ADDED = "+"
    WRAPPED = "~"
    """A paragraph that is only wrapped otherwise: its text is not repeated."""


class Row(Struct, frozen=True, kw_only=True):
    """One line, with its numbers before and after, from 1; 0 where it is not there.

    ``text`` has escapes in place of characters that nobody sees: ``unseen`` says where. ``words`` are those that
    changed. A paragraph that is only wrapped otherwise is one row: ``text`` says how many lines it has.
    """

    sign: Sign
    before: int
    after: int
    text: str
    words: tuple[Span, ...] = ()
    unseen: tuple[Span, ...] = ()

    def to_document(self) -> JsonObject:
        """As JSON has it."""
        spans: dict[str, tuple[Span, ...]] = {"words": self.words, "unseen": self.unseen}
        return {
            "sign": str(self.sign),
            "before": self.before,
            "after": self.after,
            "text": self.text,
            **{name: [[*span] for span in found] for name, found in spans.items() if found},
        }


class TextDiff(Struct, frozen=True, kw_only=True):
    """``added`` and ``removed`` count lines, ``wrapped`` the paragraphs that are only wrapped otherwise.

    ``unseen`` counts the characters that nobody sees in what is added.
    """

    hunks: tuple[tuple[Row, ...], ...] = ()
    added: int = 0
    removed: int = 0
    wrapped: int = 0
    unseen: int = 0
    is_too_long: bool = False


def text_diff(before: str, after: str, *, prose: bool) -> TextDiff:
    """What differs. Two texts that differ in anything differ here too: only ``\\n`` ends a line."""
    old, new = lines_of(before), lines_of(after)
    if max(len(before), len(after)) > MAX_TEXT_BYTES or max(len(old), len(new)) > MAX_LINES:
        return _counted(Counter(old), Counter(new))
    rows = [*_compared_lines(blocks(old, prose=prose), blocks(new, prose=prose))]
    count = Counter(row.sign for row in rows)
    return TextDiff(
        hunks=tuple(_hunks(rows)),
        added=count[Sign.ADDED],
        removed=count[Sign.REMOVED],
        wrapped=count[Sign.WRAPPED],
        unseen=sum(unseen_in(row.line) for row in rows if row.sign is Sign.ADDED),
    )


def _counted(before: Counter[str], after: Counter[str]) -> TextDiff:
    added = after - before
    unseen = sum(unseen_in(line) * times for line, times in added.items())
    return TextDiff(added=added.total(), removed=(before - after).total(), unseen=unseen, is_too_long=True)


def lines_of(text: str) -> list[str]:
    r"""The lines; a last one without ``\n`` says so, and so differs from one that has it."""
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, f"{last}{NO_NEWLINE}"] if last else lines


class _Line(NamedTuple):
    """What a row is made of. Most lines are in no hunk: their rows are never made."""

    sign: Sign
    before: int
    after: int
    line: str
    marks: Sequence[Span] = ()

    def row(self) -> Row:
        seen = visible(self.line)
        return Row(
            sign=self.sign,
            before=self.before + 1,
            after=self.after + 1,
            text=seen.text,
            words=tuple((seen.place(start), seen.place(end)) for start, end in self.marks),
            unseen=seen.escapes,
        )


def _compared_lines(before: Sequence[Block], after: Sequence[Block]) -> Iterator[_Line]:
    x = y = 0
    for one, other in (*pairs([one.key for one in before], [one.key for one in after]), (len(before), len(after))):
        if x < one or y < other:
            yield from _changed(before[x:one], after[y:other])
        if one < len(before):
            yield from _same(before[one], after[other])
        x, y = one + 1, other + 1


def _same(before: Block, after: Block) -> Iterator[_Line]:
    if before.lines != after.lines:
        yield _Line(Sign.WRAPPED, before.start, after.start, f"{len(before.lines)} → {len(after.lines)} lines")
        return
    for number, line in enumerate(before.lines):
        yield _Line(Sign.SAME, before.start + number, after.start + number, line)


class _Side:
    """One side of a stretch that differs: its lines, and in each the words that the other side has not."""

    def __init__(self, found: Sequence[Block], *, spaces: bool) -> None:
        self.lines = {one.start + at: line for one in found for at, line in enumerate(one.lines)}
        is_marked = sum(map(len, self.lines.values())) <= MAX_MARKED
        self.words = [word for one in found for word in words(one, spaces=spaces)] if is_marked else []
        self.marks: dict[int, list[Span]] = {number: [] for number in self.lines}

    def mark(self, same: Iterable[int]) -> None:
        kept = frozenset(same)
        for number, word in enumerate(self.words):
            if number not in kept:
                _joined(self.marks[word.line], (word.start, word.end), self.lines[word.line])


def _joined(marks: list[Span], span: Span, line: str) -> None:
    """Add ``span``, as one with the last where only spaces are between."""
    if marks and not line[marks[-1][1] : span[0]].strip(" \t"):
        span = (marks.pop()[0], span[1])
    marks.append(span)


def _changed(before: Sequence[Block], after: Sequence[Block]) -> Iterator[_Line]:
    one, other, kept = _compared(before, after, spaces=False)
    if not any((*one.marks.values(), *other.marks.values())):  # only spaces differ
        one, other, kept = _compared(before, after, spaces=True)
    yield from _merged(one, other, _same_lines(one, other, kept))


def _compared(before: Sequence[Block], after: Sequence[Block], *, spaces: bool) -> tuple[_Side, _Side, list[Span]]:
    one, other = _Side(before, spaces=spaces), _Side(after, spaces=spaces)
    kept = [*pairs([word.text for word in one.words], [word.text for word in other.words])]
    one.mark(x for x, _ in kept)
    other.mark(y for _, y in kept)
    return one, other, kept


def _same_lines(one: _Side, other: _Side, kept: Sequence[Span]) -> list[Span]:
    """The lines that are the same on both sides, word for word, in the same order: they only stand around a change."""
    found: list[Span] = []
    x = y = -1
    for old, new in dict.fromkeys((one.words[x].line, other.words[y].line) for x, y in kept):
        is_same = one.lines[old] == other.lines[new] and not one.marks[old] and not other.marks[new]
        if is_same and old > x and new > y:
            found.append((old, new))
            x, y = old, new
    return found


def _merged(one: _Side, other: _Side, same: Sequence[Span]) -> Iterator[_Line]:
    olds, news = list(one.lines), list(other.lines)
    if not (olds or news):
        return
    x, y = (olds or [0])[0], (news or [0])[0]
    for old, new in (*same, (x + len(olds), y + len(news))):
        yield from (_Line(Sign.REMOVED, at, -1, one.lines[at], one.marks[at]) for at in range(x, old))
        yield from (_Line(Sign.ADDED, -1, at, other.lines[at], other.marks[at]) for at in range(y, new))
        if old in one.lines and new in other.lines:
            yield _Line(Sign.SAME, old, new, one.lines[old])
        x, y = old + 1, new + 1


def _hunks(rows: Sequence[_Line]) -> Iterator[tuple[Row, ...]]:
    changed = [number for number, row in enumerate(rows) if row.sign is not Sign.SAME]
    start = end = 0
    for number in changed:
        if end and number - CONTEXT > end:
            yield tuple(line.row() for line in rows[start:end])
            end = 0
        if not end:
            start = max(0, number - CONTEXT)
        end = min(len(rows), number + CONTEXT + 1)
    if end:
        yield tuple(line.row() for line in rows[start:end])
