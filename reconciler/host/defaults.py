"""How a host is run where nothing else is said. The command line shows it, and loads nothing else of the host."""

from __future__ import annotations

from typing import Final

PORT: Final = 11435
MODEL_URL: Final = "http://127.0.0.1:11434"
MODEL: Final = "mistral"
MODEL_SECONDS: Final = 120.0
RATE: Final = 50
"""Requests a second of one caller."""
UPSTREAM_SECONDS: Final = 600.0
"""Of silence, after which an exchange with the upstream is ended."""
MCP_SECONDS: Final = 50.0
"""How long a call of a tool waits for its result: most clients give up after a minute."""
