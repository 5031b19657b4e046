"""Which elements of two sequences are the same: a longest common subsequence, as far as that is cheap.

It is Myers' greedy algorithm (1986): fast where little differs. What would take too many steps is divided first at the
elements that both sides have exactly once (patience diff), and what is still too much counts as different as a whole.
So the time grows with the length, whatever is compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, TypeAlias

MAX_DIFFERENCES: Final = 300
"""Between two stretches. The steps, and what is remembered, grow with its square."""

MAX_LENGTH: Final = 50_000
"""Of two stretches together, for the same reason."""

Pair: TypeAlias = tuple[int, int]
Bounds: TypeAlias = tuple[int, int, int, int]
"""From where to where in the one, then in the other."""


def pairs(before: Sequence[Hashable], after: Sequence[Hashable]) -> Iterator[Pair]:
    """The positions of the same elements, in order."""
    yield from _between(before, after, (0, len(before), 0, len(after)), may_divide=True)


def _between(one: Sequence[Hashable], other: Sequence[Hashable], bounds: Bounds, *, may_divide: bool) -> Iterator[Pair]:
    first, last, start, end = bounds
    while first < last and start < end and one[first] == other[start]:
        yield first, start
        first, start = first + 1, start + 1
    same = 0
    while first < last - same and start < end - same and one[last - same - 1] == other[end - same - 1]:
        same += 1
    inner = (first, last - same, start, end - same)
    found = _shortest(one, other, inner)
    if found is not None:
        yield from found
    elif may_divide:
        yield from _divided(one, other, inner)
    yield from zip(range(last - same, last), range(end - same, end), strict=True)


def _shortest(one: Sequence[Hashable], other: Sequence[Hashable], bounds: Bounds) -> list[Pair] | None:
    """The pairs of a longest common subsequence; ``None`` where too much differs."""
    first, last, start, end = bounds
    rows, columns = last - first, end - start
    if not rows or not columns:
        return []
    if rows + columns > MAX_LENGTH or abs(rows - columns) > MAX_DIFFERENCES:
        return None
    reached = {1: 0}
    trace: list[dict[int, int]] = []
    for cost in range(min(rows + columns, MAX_DIFFERENCES) + 1):
        trace.append(reached)
        reached = dict(reached)
        for diagonal in range(-cost, cost + 1, 2):
            is_down = diagonal == -cost or (diagonal != cost and reached[diagonal - 1] < reached[diagonal + 1])
            x = reached[diagonal + 1] if is_down else reached[diagonal - 1] + 1
            while x < rows and 0 <= x - diagonal < columns and one[first + x] == other[start + x - diagonal]:
                x += 1
            reached[diagonal] = x
            if x >= rows and diagonal == rows - columns:
                return [(first + x, start + y) for x, y in _way_back(trace, rows, columns)]
    return None


def _way_back(trace: list[dict[int, int]], x: int, y: int) -> list[Pair]:
    found: list[Pair] = []
    for cost in range(len(trace) - 1, -1, -1):
        reached, diagonal = trace[cost], x - y
        is_down = diagonal == -cost or (diagonal != cost and reached[diagonal - 1] < reached[diagonal + 1])
        previous = diagonal + 1 if is_down else diagonal - 1
        from_x = reached[previous] if cost else 0
        from_y = from_x - previous if cost else 0
        while x > from_x and y > from_y:
            x, y = x - 1, y - 1
            found.append((x, y))
        x, y = from_x, from_y
    return found[::-1]


def _divided(one: Sequence[Hashable], other: Sequence[Hashable], bounds: Bounds) -> Iterator[Pair]:
    first, last, start, end = bounds
    for x, y in (*_anchors(one, other, bounds), (last, end)):
        yield from _between(one, other, (first, x, start, y), may_divide=False)
        if x < last:
            yield x, y
        first, start = x + 1, y + 1


def _anchors(one: Sequence[Hashable], other: Sequence[Hashable], bounds: Bounds) -> list[Pair]:
    """What both have exactly once, as many of these as are in the same order."""
    first, last, start, end = bounds
    counts, others = Counter(one[first:last]), Counter(other[start:end])
    places = {other[y]: y for y in range(start, end) if others[other[y]] == 1}
    unique = [(x, places[one[x]]) for x in range(first, last) if counts[one[x]] == 1 and one[x] in places]
    tails: list[int] = []
    chains: list[tuple[Pair, int]] = []
    ends: list[int] = []
    for number, (x, y) in enumerate(unique):
        at = bisect_left(tails, y)
        chains.append(((x, y), ends[at - 1] if at else -1))
        tails[at : at + 1], ends[at : at + 1] = [y], [number]
    chain: list[Pair] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        pair, number = chains[number]
        chain.append(pair)
    return chain[::-1]
