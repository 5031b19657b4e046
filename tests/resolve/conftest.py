"""A project and a home, as the tests of the command line have them."""

from __future__ import annotations

from tests.cli.conftest import session

__all__ = ["session"]
