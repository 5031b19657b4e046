"""The shell session of ``tests/cli``, for what the documents say of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)
