"""The page about testing names tests that exist."""

from __future__ import annotations

import ast
import re
from typing import Final

import pytest

from tests.conftest import PROJECT, QUICK
from tests.docs.pages import chapter, page, rows

NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CASES: Final = [row for row in rows(chapter(page("testing.md"), "Ten cases")) if NAMED.search(row[-1])]


def test_there_are_ten_cases() -> None:
    assert len(CASES) == 10


@pytest.mark.parametrize("cells", CASES, ids=[cells[0] for cells in CASES])
def test_each_case_names_tests_that_exist(cells: list[str]) -> None:
    for path, name in NAMED.findall(cells[1]):
        tree = ast.parse((PROJECT / path).read_text("utf-8"))
        assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)], path


def test_what_is_quick_exists() -> None:
    assert [place for place in QUICK if not (PROJECT / "tests" / place).exists()] == []
