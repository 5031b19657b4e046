"""Every row of the catalogue has a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.rows import ROWS

FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "sources")


def named(tree: ast.AST) -> Iterator[str]:
    """What can be the name of a test or of one of its cases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("row-"):
            yield node.value


def test_every_row_has_a_test() -> None:
    files = [path for folder in FOLDERS for path in folder.rglob("*.py") if path.name != "rows.py"]
    names = [name for path in files for name in named(ast.parse(path.read_text("utf-8")))]
    tested = {int(number) for name in names for number in re.findall(r"row[-_](\d\d)", name)}
    assert set(ROWS) == set(range(1, 100))
    assert {row: ROWS[row] for row in ROWS if row not in tested} == {}
    assert tested <= set(ROWS)
