"""A project, a home, and a gateway that loads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import session
from tests.cli.shell import Session
from tests.gateway.simulator import Gateway, running

__all__ = ["session"]


@pytest.fixture
def gateway(session: Session) -> Iterator[Gateway]:
    with running(session.home) as server:
        yield server
