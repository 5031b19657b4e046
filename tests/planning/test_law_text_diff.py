"""Laws of a text's diff: what is marked is what was edited, and no difference is lost."""

from __future__ import annotations

import random
import textwrap
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.planning.content.alignment import MAX_DIFFERENCES, pairs
from reconciler.planning.content.hunks import MAX_LINES, MAX_MARKED, Row, Sign, TextDiff, text_diff
from tests.support.laws import examples

many = examples(3)

lines = st.lists(
    st.sampled_from(["", "a", "a b", "a  b", "  a", "- a", "# a", "```", "---", "b\\", "\u202ea", "\r"]), max_size=8
)
texts = st.tuples(lines, st.booleans()).map(lambda made: "\n".join(made[0]) + "\n" * made[1])


def rows_of(found: TextDiff) -> Iterator[Row]:
    return (row for hunk in found.hunks for row in hunk)


def marked(found: TextDiff, sign: Sign) -> list[str]:
    return [
        word for row in rows_of(found) if row.sign is sign for at, end in row.words for word in row.text[at:end].split()
    ]


class Edited:
    """A text of some paragraphs, and the same edited and wrapped at another width."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a test's input
        self.new: list[str] = []
        self.gone: list[str] = []
        vocabulary = [
            "the",
            "a",
            "never",
            "reveal",
            "you",
            "must",
            "of",
            "and",
            *(f"w{number}" for number in range(40)),
        ]
        sizes = [self.random.randint(5, 80) for _ in range(self.random.randint(1, 5))]
        paragraphs = [[self.random.choice(vocabulary) for _ in range(size)] for size in sizes]
        self.before = self._wrapped(paragraphs)
        self.after = self._wrapped([[*self._edited(paragraph)] for paragraph in paragraphs])

    def _wrapped(self, paragraphs: list[list[str]]) -> str:
        width = self.random.randint(20, 100)
        return "\n\n".join(textwrap.fill(" ".join(words), width) for words in paragraphs) + "\n"

    def _edited(self, words: list[str]) -> Iterator[str]:
        yield words[0]
        for word in words[1:]:
            what = self.random.choices(["keep", "remove", "replace", "insert"], [92, 3, 3, 2])[0]
            if what in ("replace", "insert"):
                self.new.append(f"new{len(self.new)}")
                yield self.new[-1]
            if what in ("replace", "remove"):
                self.gone.append(word)
            else:
                yield word


def test_the_marked_words_are_the_edits_however_the_text_is_wrapped() -> None:
    for seed in range(500):
        text = Edited(seed)
        found = text_diff(text.before, text.after, prose=True)
        assert (seed, marked(found, Sign.ADDED)) == (seed, text.new)
        assert (seed, sorted(marked(found, Sign.REMOVED))) == (seed, sorted(text.gone))


@many
@given(before=texts, after=texts, prose=st.booleans())
def test_what_differs_in_anything_differs_here(before: str, after: str, prose: bool) -> None:
    found = text_diff(before, after, prose=prose)
    assert any(row.sign is not Sign.SAME for row in rows_of(found)) == (before != after)


@many
@given(before=texts, after=texts)
def test_without_prose_the_rows_are_a_unified_diff(before: str, after: str) -> None:
    found = text_diff(before, after, prose=False)
    old, new = before.split("\n"), after.split("\n")
    for row in rows_of(found):
        shown = row.text.replace("<U+202E>", "\u202e").replace("<U+000D>", "\r").removesuffix("<no newline at the end>")
        assert row.sign is Sign.ADDED or shown == old[row.before - 1]
        assert row.sign is Sign.REMOVED or shown == new[row.after - 1]
    assert len(new) - bool(not new[-1]) - len(old) + bool(not old[-1]) == found.added - found.removed


@many
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_an_alignment_is_a_longest_common_subsequence(one: list[int], other: list[int]) -> None:
    found = [*pairs(one, other)]
    assert all(one[x] == other[y] for x, y in found)
    assert found == sorted(found)
    assert len({x for x, _ in found}) == len({y for _, y in found}) == len(found) == _longest(one, other)


def _longest(one: list[int], other: list[int]) -> int:
    row = [0] * (len(other) + 1)
    for x in one:
        row = [0, *row[1:]] if not other else _next(row, x, other)
    return row[-1]


def _next(row: list[int], x: int, other: list[int]) -> list[int]:
    made = [0]
    for at, y in enumerate(other):
        made.append(row[at] + 1 if x == y else max(row[at + 1], made[-1]))
    return made


def test_where_much_differs_what_is_there_once_is_found() -> None:
    noise = [("x", number) for number in range(2 * MAX_DIFFERENCES)]
    other = [("y", number) for number in range(2 * MAX_DIFFERENCES)]
    found = [*pairs([*noise, "one", *noise, "two", *noise], [*other, "one", *other, "two", *other])]
    assert [x for x, _ in found] == [2 * MAX_DIFFERENCES, 4 * MAX_DIFFERENCES + 1]


def test_a_paragraph_that_is_only_wrapped_otherwise_is_one_row() -> None:
    found = text_diff("one two three\n\nfour\n", "one\ntwo three\n\nfour\n", prose=True)
    assert (found.added, found.removed, found.wrapped) == (0, 0, 1)
    assert [row.text for row in rows_of(found) if row.sign is Sign.WRAPPED] == ["1 → 2 lines"]


@pytest.mark.parametrize("mark", ["```", "~~~~", "---"])
def test_fenced_blocks_are_compared_line_by_line(mark: str) -> None:
    found = text_diff(f"{mark}\na b\n{mark}\n", f"{mark}\na\nb\n{mark}\n", prose=True)
    assert (found.added, found.removed, found.wrapped) == (2, 1, 0)


def test_what_is_too_long_is_counted_with_what_nobody_sees() -> None:
    found = text_diff("a\n" * MAX_LINES, "a\n" * MAX_LINES + "\u202eb\n", prose=True)
    assert (found.hunks, found.added, found.removed, found.unseen, found.is_too_long) == ((), 1, 0, 1, True)


def test_in_a_stretch_that_is_too_long_no_words_are_marked() -> None:
    [old, new] = rows_of(text_diff("a " * MAX_MARKED + "b\n", "a " * MAX_MARKED + "c\n", prose=True))
    assert (old.words, new.words) == ((), ())


def test_the_time_grows_with_the_length() -> None:
    makes = random.Random(1)  # noqa: S311 - a test's input
    before, after = ("\n".join(makes.choice("abcdefgh") * makes.randint(1, 4000) for _ in range(4_000)) for _ in "12")
    start = time.process_time()
    assert text_diff(before, after, prose=False).added
    assert time.process_time() - start < 20
