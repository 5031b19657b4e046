"""Fixtures that several folders of tests share: their ``conftest.py`` takes them from here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.gateway.simulator import Gateway, running

__all__ = ["applied", "gateway", "session"]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """An empty project, and no home yet."""
    return Session(tmp_path)


@pytest.fixture
def applied(session: Session) -> Session:
    """The extension ``foo``, applied."""
    session.extensions("foo")
    session.llamagate("apply")
    return session


@pytest.fixture
def gateway(session: Session) -> Iterator[Gateway]:
    """A running gateway that loads the home."""
    with running(session.home) as server:
        yield server
