"""What the process was started with, as a value. ``cli`` reads it once and hands it down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct


class Environment(Struct, frozen=True, kw_only=True):
    """``home`` is the LlamaGate home, absolute; ``is_own_home`` says that it is the user's default one."""

    home: Path
    is_own_home: bool
    variables: Mapping[str, str]
    now: datetime
    command: str
    """The command line, for the notice that others see while they wait."""
    lock_file: Path | None = None
    """Where the lock is, if not beside the desired state."""
    offline: bool = False
    """Nothing that is not on this machine is asked for anything; the gateway is told all the same."""
