"""A project and a home, as the tests of the command line have them."""

from __future__ import annotations

from tests.support.fixtures import session

__all__ = ["session"]
