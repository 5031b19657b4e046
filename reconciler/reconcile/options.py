"""How a pass over a file is run."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from reconciler.planning.intent import Allowances


class Options(Struct, frozen=True, kw_only=True):
    """``only`` narrows the pass to these ids and what they depend on; empty is everything."""

    file: Path
    only: frozenset[str] = frozenset()
    locked: bool = False
    allowances: Allowances = field(default_factory=Allowances)
