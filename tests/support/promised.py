"""How long a thing may take that an issue promises: exactly so in the campaign, and a lot longer beside other work.

The default run shares its processors with whatever else runs, so a second may pass before a thread goes on at all. What
a test of it shows is that the thing ends by itself, long before what would end it otherwise: a limit, a signal, a test.
"""

from __future__ import annotations

from typing import Final

import pytest

BUSY: Final = 15
"""How many times as long a thing may take in the default run; 15 seconds are less than any limit that tests set."""


def promised(seconds: float) -> pytest.MarkDecorator:
    """Run the test with ``most``, the seconds that something may take."""
    exactly = pytest.param(seconds, marks=pytest.mark.long, id=f"{seconds:g} s")
    return pytest.mark.parametrize("most", [pytest.param(BUSY * seconds, id="in the end"), exactly])
