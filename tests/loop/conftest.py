"""A project and a home, a gateway that loads it, what wakes a loop, and watchers that are real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.loop.wake import Wake
from tests.cli.shell import Session
from tests.support.fixtures import applied, gateway, session

__all__ = ["applied", "gateway", "session"]


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension that is desired."""
    session.extensions("foo")
    return session


@pytest.fixture
def wake() -> Iterator[Wake]:
    woken = Wake()
    yield woken
    woken.close()
