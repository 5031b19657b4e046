"""How much work a piece may be, estimated before it begins. Pure.

Estimates are in microseconds, roughly, and rather too high than too low: one that is too high costs a message to
another process, one that is too low time in which nobody is served.
"""

from __future__ import annotations

from typing import Final

from reconciler.model.config import Json

MOST: Final = 10_000
"""What is done in the event loop at once. More goes to a worker process."""

_CHARACTERS: Final = 64
"""Of a text that count as one value: text is copied, and not looked into."""


def weight(*values: Json, most: int = MOST) -> int:
    """How many values there are, those below them included. What is beyond ``most`` is not looked at."""
    found, waiting = 0, [*values]
    while waiting and found < most:
        one = waiting.pop()
        found += 1
        if isinstance(one, str):
            found += len(one) // _CHARACTERS
        elif isinstance(one, dict):
            found += len(one)
            if found < most:
                waiting += one
                waiting += one.values()
        elif isinstance(one, list):
            found += len(one)
            if found < most:
                waiting += one
    return found


def actions(value: Json) -> int:
    """How many values, and placeholders in their texts, are to be filled in."""
    if isinstance(value, dict):
        return 1 + sum(actions(below) for below in value.values())
    if isinstance(value, list):
        return 1 + sum(actions(below) for below in value)
    return 1 + value.count("{") if isinstance(value, str) else 1


def to_fill(value: Json, state: int) -> int:
    """Filling in ``value`` from a state of that weight: each placeholder may stand for all of it."""
    return actions(value) * (2 + state // 4)


def to_render(template: str, state: int) -> int:
    """A template: a range repeats its actions, once for each value at most, and its end is searched for."""
    ranges = template.count("range")
    repeats = state if ranges else 1
    return template.count("{") * repeats * (10 + state // 4) + len(template) // _CHARACTERS * (1 + ranges)


def to_judge(condition: str | bool, state: int) -> int:
    """A condition of a rule: each operand may be compared with all of the state, and ``*`` repeats lists."""
    if isinstance(condition, bool):
        return 1
    return (1 + len(condition) // 3) * (3 + state // 16) * (1_000 if "*" in condition else 1)


def to_validate(schema: int, value: int) -> int:
    """A value of that weight against a schema of so many parts; that each fails takes longest."""
    return value + schema * (30 + value // 16)
