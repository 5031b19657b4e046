"""One line of a diff, before a format gives it colours or marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

BEFORE_CHARACTERS: Final = 20
"""So many characters before what differs are shown."""
LINE_CHARACTERS: Final = 400
"""A longer line counts as several."""

Spans: TypeAlias = Sequence[Sequence[int]]


class Level(Enum):
    """What a line of a diff is about."""

    VALUE = "value"
    """A value of the manifest."""
    FILE = "file"
    """The head of a file."""
    TEXT = "text"
    """A line of a file."""
    GAP = "gap"
    """Lines of a file that stay as they are, and are left out."""
    MORE = "more"
    """How much more there is."""


class Line(Struct, frozen=True, kw_only=True):
    """One line. ``words`` are the stretches that changed, ``unseen`` the escapes of what nobody sees."""

    level: Level
    sign: str
    text: str
    words: Spans = ()
    unseen: Spans = ()

    def pieces(self) -> Iterator[tuple[int, int, str]]:
        """The text in pieces, in order: from where to where, and what that is: ``word``, ``unseen`` or nothing."""
        end = 0
        outside = (span for span in self.unseen if not any(a <= span[0] and span[1] <= b for a, b in self.words))
        spans = sorted([*((*span, "word") for span in self.words), *((*span, "unseen") for span in outside)])
        for start, stop, kind in cast(list[tuple[int, int, str]], spans):
            if end < start:
                yield end, start, ""
            yield start, stop, kind
            end = stop
        if end < len(self.text):
            yield end, len(self.text), ""


def excerpt(line: Line, around: Iterable[Line]) -> Line:
    """A line that is too long, from a little before where it differs from the one that it replaces or gives way to."""
    first = 0
    if line.words:
        first = line.words[0][0]
    elif others := [other.text for other in around if {line.sign, other.sign} == {"-", "+"}]:
        first = first_difference(line.text, others[-1])
    start = max(0, min(first - BEFORE_CHARACTERS, len(line.text) - LINE_CHARACTERS))
    end = start + LINE_CHARACTERS
    before = "…" if start else ""

    def kept(spans: Spans) -> Spans:
        moved = ([max(a, start) - start + len(before), min(b, end) - start + len(before)] for a, b in spans)
        return [span for span in moved if span[0] < span[1]]

    left_out = f"{len(line.text) - LINE_CHARACTERS} of {len(line.text)} characters left out"
    return replace(
        line,
        text=f"{before}{line.text[start:end]} … {left_out}",
        words=kept(line.words),
        unseen=kept(line.unseen),
    )


def first_difference(one: str, other: str) -> int:
    """Where they differ first: behind the shorter one, if the longer one begins with it."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
