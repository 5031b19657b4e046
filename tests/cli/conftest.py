"""What every scenario starts from: an empty project, and no home yet."""

from __future__ import annotations

import pytest

from tests.cli.shell import Session
from tests.support.fixtures import applied, gateway, session

__all__ = ["applied", "gateway", "session"]


@pytest.fixture(autouse=True)
def quiet_files(nobody_is_writing: None) -> None:
    """No scenario of this folder has another program that writes the registry bit by bit."""


@pytest.fixture
def pair(session: Session) -> Session:
    """Two extensions, ``foo`` and ``bar``, applied."""
    session.extensions("foo", "bar")
    session.llamagate("apply")
    return session
