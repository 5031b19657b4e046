"""Which of the known names is meant by another: one or two letters are dropped, doubled, changed or swapped."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final

_MOST_NAMES: Final = 100
_MOST_LETTERS: Final = 64
"""More are not compared: the work grows with their product."""
_LONG: Final = 6
"""From so many letters on, two may be wrong; in a shorter name, two make another word."""


def near(name: str, known: Iterable[str]) -> list[str]:
    """The ``known`` names that ``name`` may be, the nearest first; none where it is one of them."""
    names = [*islice(known, _MOST_NAMES)]
    if name in names or len(name) > _MOST_LETTERS:
        return []
    if len(name) == 1:
        names = [one for one in names if len(one) > 1]  # a letter is as near to any other
    rated = [(distance, one) for one in names if (distance := _distance(name, one, _allowed(one)))]
    return [one for _, one in sorted(rated)]


def nearest(name: str, known: Collection[str]) -> str | None:
    """The one of ``known`` that ``name`` must be, where only one can be meant."""
    found = near(name, known)
    return found[0] if found and (len(found) == 1 or _closer(name, found)) else None


def meant(names: Iterable[str]) -> str:
    """A question that names them; empty where there are none."""
    found = [f"'{name}'" for name in names][:2]
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _closer(name: str, found: list[str]) -> bool:
    return _distance(name, found[0], 1) == 1 and not _distance(name, found[1], 1)


def _allowed(known: str) -> int:
    return 2 if len(known) >= _LONG else 1


def _distance(one: str, other: str, most: int) -> int:
    """How many letters differ, a swap of neighbours counted as one; 0 where it is more than ``most``."""
    if abs(len(one) - len(other)) > most:
        return 0
    before: list[int] = []
    last = [*range(len(other) + 1)]
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, its in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != its))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == its:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return 0
        before, last = last, now
    return last[-1] if last[-1] <= most else 0
