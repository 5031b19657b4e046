"""Whatever happens to a watched home, and in whatever order: once it stops, the home is as the file says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.loop.interleavings import Story

SAMPLE = range(12)
CAMPAIGN = range(1_000)


def comes_right(folder: Path, seed: int) -> None:
    folder.mkdir()
    with closing(Story(Session(folder), seed)) as story:
        story.tell()
        story.end()
        assert story.faults() == [], f"seed {seed}: {story.told}"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.loop.loop._LOCK_WAIT_SECONDS", 0)


@pytest.mark.parametrize("seed", SAMPLE)
def test_a_few_stories_end_well(tmp_path: Path, seed: int) -> None:
    comes_right(tmp_path / "story", seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, len(CAMPAIGN), 100))
def test_a_thousand_stories_end_well(tmp_path: Path, first: int) -> None:
    for seed in CAMPAIGN[first : first + 100]:
        comes_right(tmp_path / f"story-{seed}", seed)
