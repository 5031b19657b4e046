"""A project, a home, and a gateway that loads it."""

from __future__ import annotations

from tests.support.fixtures import gateway, session

__all__ = ["gateway", "session"]
