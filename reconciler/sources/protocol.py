"""What every kind of source can do."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from reconciler.model.desired import Limits
from reconciler.packages.content import Content


class SourceDriver(Protocol):
    """One kind of source. ``location`` is absolute; ``name`` is how messages name it."""

    def stamp(self, location: Path) -> str:
        """A cheap fingerprint: while it stays, so does the content. Empty where there is nothing to look at."""

    def open(self, location: Path, *, limits: Limits, name: str) -> Content:
        """The package's files, checked against ``limits``. ``InputError`` says what is wrong with them."""
