"""What every scenario starts from: an empty project, and no home yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Session


@pytest.fixture(autouse=True)
def quiet_files(nobody_is_writing: None) -> None:
    """No scenario of this folder has another program that writes the registry bit by bit."""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)
