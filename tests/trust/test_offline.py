"""Signatures are verified again from the lock alone, where there is no network at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.parcels import versions
from tests.conftest import PROJECT
from tests.sources.http_server import HttpServer
from tests.trust.keys import public
from tests.trust.team import Team

_ALONE = ["unshare", "--user", "--map-root-user", "--net"]


def _alone(team: Team, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [*_ALONE, sys.executable, "-B", "-m", "reconciler", *arguments]
    environment = {**team.session.environment, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        words, cwd=team.session.project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def fetched(team: Team) -> Team:
    """The lock pins a package of a web server, which is in the cache, and nothing is installed."""
    try:
        subprocess.run([*_ALONE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespace of one's own here")
    team.session.llamagate("sign", team.shop / "foo-1.0.0.zip", "--key", team.key("alice"))
    with HttpServer(folder=team.shop) as server:
        team.session.desired(
            f"extensions: {{foo: '{server.url('/foo-1.0.0.zip')}'}}\n"
            "trust: {signers: ./allowed_signers, revoked: ./revoked_keys}\n"
        )
        team.session.llamagate("apply")
    team.session.llamagate("remove", "foo")
    return team


def test_apply_without_a_network(fetched: Team) -> None:
    said = _alone(fetched, "apply")
    assert said.returncode == 0, said.stderr
    assert versions(fetched.session) == {"foo": "1.0.0"}


def test_a_revoked_key_without_a_network(fetched: Team) -> None:
    fetched.revoked.write_text(public(fetched.key("alice")) + "\n")
    said = _alone(fetched, "apply")
    assert said.returncode == 5, said.stderr
    assert versions(fetched.session) == {}
