"""What is said of several subjects in the same words is said once."""

from __future__ import annotations

import pytest

from reconciler.model.note import once


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], []),
        ([("a", "a has a flaw")], ["a has a flaw"]),
        ([("x", "x has a flaw"), ("y", "y has a flaw")], ["x has a flaw (the same for 1 other: y)"]),
        ([("a", "a is old"), ("b", "b is new")], ["a is old", "b is new"]),
        ([("a", "a is old"), ("a", "a is old")], ["a is old"]),
        ([("", "x"), ("", "y"), ("", "x")], ["x", "y"]),
        (
            [(name, f"{name} is old") for name in "abcde"],
            ["a is old (the same for 4 others: b, c, d and 1 more)"],
        ),
    ],
    ids=["none", "one", "two", "different", "twice", "no-subject", "many"],
)
def test_the_same_is_said_once(said: list[tuple[str, str]], expected: list[str]) -> None:
    assert once(said) == expected
