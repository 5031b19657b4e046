"""What a run is asked for on the command line."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class RunFlags(Struct, frozen=True, kw_only=True):
    """``values`` are the inputs as they are typed, ``given`` is a file of them; ``mock`` is a text, or names a file."""

    values: tuple[str, ...] = ()
    given: Path | None = None
    mock: str | None = None
    record: Path | None = None
    trace: bool = False
    here: bool = False
    watch: bool = False
