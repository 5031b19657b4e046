"""What a mutant is: one change, and nothing else."""

from __future__ import annotations

import pytest

from tests.mutants import mutants


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", ["a <= b"]),
        ("a in b", ["a not in b"]),
        ("not a", ["a"]),
        ("a and b", ["a or b"]),
        ("a = 3", ["a = 4"]),
        ("a = True", ["a = False"]),
        ("a()", ["pass"]),
        ("x = b if a else c", ["x = b if not a else c"]),
        ("a = 'text'", []),
    ],
)
def test_each_change(text: str, changed: list[str]) -> None:
    assert [mutant.code for mutant in mutants("a.py", text)] == changed
