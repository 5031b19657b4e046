"""A home as version 0.1.0 left it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.homes.unpack import TOKEN, unpack


@pytest.fixture
def home(tmp_path: Path) -> Session:
    return unpack(Session(tmp_path, variables=TOKEN))
