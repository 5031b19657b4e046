"""What every scenario starts from: an empty project, and no home yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)
