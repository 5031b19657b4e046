"""A campaign notices what goes wrong, says how to see it again, and goes on with the next case."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.campaign import campaign


def test_a_campaign_has_teeth(tmp_path: Path) -> None:
    tally = campaign("teeth", folder=tmp_path, count=6)
    assert tally.outcomes == {"well": 3}
    raised, died, uncaught = tally.findings
    assert "KeyError: 'not one of ours'\n\nagain: python -m tests.hostile.trial teeth 0 1 1" in raised
    assert died.startswith("it died of SIGSEGV: ")
    assert died.endswith("\nagain: python -m tests.hostile.trial teeth 0 2 1")
    assert "InputError: one of ours, but nobody caught it" in uncaught
