"""Every row of the catalogue has a test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.hostile.rows import ROWS

PROJECT = Path(__file__).parents[2]
_FOLDERS = ("tests/hostile", "tests/sources")


def test_every_row_has_a_test() -> None:
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "--collect-only", "-q", *_FOLDERS]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    tested = {int(number) for number in re.findall(r"row[-_](\d\d)", listed)}
    assert set(ROWS) == set(range(1, 100))
    assert {row: ROWS[row] for row in ROWS if row not in tested} == {}
    assert tested <= set(ROWS)
