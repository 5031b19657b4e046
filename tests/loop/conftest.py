"""A project and a home, a gateway that loads it, and watchers that are real processes."""

from __future__ import annotations

from tests.cli.conftest import session
from tests.gateway.conftest import gateway

__all__ = ["gateway", "session"]
