"""How a pass over a file is run."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from reconciler.planning.intent import Allowances


class Options(Struct, frozen=True, kw_only=True):
    """``only`` narrows the pass to these ids and what they depend on; empty is everything.

    ``with_values``: what configurations refer to, variables and files, is read. Without it a plan can be shown, and
    not applied.
    The pins of the ids in ``upgrade`` move to what their sources have now, ``None`` is all; ``downgrade``: also to an
    older version that nothing asks for. ``signer_change``: also to what others signed than before, or nobody.
    """

    file: Path
    only: frozenset[str] = frozenset()
    locked: bool = False
    with_values: bool = True
    allowances: Allowances = field(default_factory=Allowances)
    upgrade: frozenset[str] | None = frozenset()
    downgrade: bool = False
    signer_change: bool = False
