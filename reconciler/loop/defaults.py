"""What a watcher does where nothing else is said. Apart, so that the command line can tell it without loading more."""

from __future__ import annotations

from typing import Final

INTERVAL_SECONDS: Final = 600.0
"""Between two full passes."""
