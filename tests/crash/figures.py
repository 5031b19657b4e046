"""What a run of the campaign did, in numbers; ``conftest`` prints them at its end."""

from __future__ import annotations

from collections import Counter
from typing import Final

FIGURES: Final[Counter[str]] = Counter()
"""What was done in this process since the last test: name of the figure → how often."""
