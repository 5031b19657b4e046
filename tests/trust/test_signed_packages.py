"""Which signatures permit an install: the good cases, from every kind of source."""

from __future__ import annotations

from tests.cli.parcels import versions
from tests.trust.team import Team


def test_a_signed_package_is_pinned_with_its_signer(team: Team) -> None:
    team.session.llamagate("lock")
    entry = team.lock["items"][0]
    assert entry["signed"]["by"] == "alice"
    assert entry["signed"]["key"].startswith("SHA256:")
    assert team.lock["catalogs"] == [
        {"source": str(team.shop), "catalog": "shop", "serial": 1, "expires": team.index["expires"]}
    ]
    team.session.llamagate("apply")
    assert versions(team.session) == {"foo": "1.0.0"}


def test_the_lock_is_the_same_twice(team: Team) -> None:
    team.session.llamagate("apply")
    before = team.lock
    team.session.llamagate("apply")
    team.session.llamagate("lock")
    assert team.lock == before
    assert team.session.plan()["changes"] is False
