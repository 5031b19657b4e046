"""The shell session of ``tests/cli``, for what the documents say of commands."""

from __future__ import annotations

from tests.support.fixtures import session

__all__ = ["session"]
