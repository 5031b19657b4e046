"""``unchanged.json``: what the last full pass looked at and found as it should be. Losing it only costs time."""

from __future__ import annotations

import msgspec

from reconciler.fs import durable
from reconciler.fs.bounded import read_start
from reconciler.model.home import Home
from reconciler.model.unchanged import UNCHANGED_SCHEMA, Unchanged


def read_unchanged(home: Home) -> Unchanged | None:
    """What was kept; ``None`` where nothing was, or where it is not as this version writes it."""
    try:
        found = msgspec.json.decode(read_start(home.unchanged), type=Unchanged)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None
    return found if found.schema == UNCHANGED_SCHEMA else None


def write_unchanged(home: Home, kept: Unchanged) -> None:
    """Keep it. Raises ``OSError``. A path that is not UTF-8 cannot be written: then nothing is kept."""
    try:
        data = msgspec.json.encode(kept)
    except UnicodeError:
        return
    durable.write_file(home.unchanged, data, mode=durable.mode_of(home.record))
