from __future__ import annotations

import pytest

from tests.cli.shell import Session
from tests.support.fixtures import session
from tests.trust.team import Team

__all__ = ["session"]


@pytest.fixture
def team(session: Session) -> Team:
    """A catalog with foo 1.0.0, signed by alice, and a file that asks for that."""
    made = Team(session)
    made.publish()
    made.desire()
    return made
