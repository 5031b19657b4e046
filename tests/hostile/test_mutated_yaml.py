"""Mutated YAML: refused in words, or read as PyYAML reads it; packages and our own documents among it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.hostile.campaign import MAX_MIB, MAX_SECONDS, campaign

CASES: Final = [pytest.param(120, id="some"), pytest.param(100_000, id="all", marks=pytest.mark.long)]


@pytest.mark.parametrize("count", CASES)
def test_mutants(tmp_path: Path, count: int, record_property: Callable[[str, object], None]) -> None:
    tally = campaign("yaml", folder=tmp_path, count=count)
    record_property("figures", str(tally))
    assert tally.findings == []
    assert tally.cases == count
    assert len(tally.outcomes) > 1
    assert tally.seconds <= MAX_SECONDS
    assert tally.mib <= MAX_MIB
