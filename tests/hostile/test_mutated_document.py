"""Mutated documents of a home, through the command: it ends as documented, and touches nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.hostile.campaign import MAX_MIB, MAX_SECONDS, campaign

CASES: Final = [pytest.param(30, id="some"), pytest.param(20_000, id="all", marks=pytest.mark.long)]


@pytest.mark.parametrize("count", CASES)
def test_mutants(tmp_path: Path, count: int, record_property: Callable[[str, object], None]) -> None:
    tally = campaign("document", folder=tmp_path, count=count)
    record_property("figures", str(tally))
    assert tally.findings == []
    assert tally.cases == count
    assert len(tally.outcomes) > 1
    assert tally.seconds <= MAX_SECONDS
    assert tally.mib <= MAX_MIB
