"""The picture of the benchmarks is the one that its script draws from the figures beside it."""

from __future__ import annotations

from pathlib import Path

from tests.benchmark.plot import picture, read

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_is_drawn_from_the_figures() -> None:
    lines = read(DOCS / "cost-by-size.csv")
    assert len({len(line) for line in lines.values()}) == 1
    assert (DOCS / "cost-by-size.svg").read_text("utf-8") == picture(lines)
