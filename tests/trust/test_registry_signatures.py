"""A package of a registry: its signature is attached to the manifest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.failures import failure
from tests.cli.parcels import versions
from tests.sources.registries import Registry, registry
from tests.trust.team import Team


@pytest.fixture
def served(team: Team) -> Iterator[Registry]:
    with registry(team.session.base / "registry") as found:
        team.session.desired(
            f"extensions: {{foo: {{source: {{oci: '{found.host}/team/foo'}}, version: '*'}}}}\n"
            "trust: {signers: ./allowed_signers}\n"
        )
        yield found


def test_a_signature_is_pushed_and_asked_for(team: Team, served: Registry) -> None:
    session, place = team.session, f"{served.host}/team/foo"
    session.llamagate("push", "packages/foo", place)
    assert failure(session, "lock", exits=5).code == "unsigned"
    session.llamagate("sign", "packages/foo", "--key", team.key("mallory"))
    session.llamagate("push", "packages/foo", place)
    assert failure(session, "lock", exits=5).code == "unknown-signer"
    session.llamagate("sign", "packages/foo", "--key", team.key("alice"))
    session.llamagate("push", "packages/foo", place)
    session.llamagate("apply")
    assert team.lock["items"][0]["signed"]["by"] == "alice"
    assert versions(session) == {"foo": "1.0.0"}


def test_the_signature_of_another_package_is_refused(team: Team, served: Registry) -> None:
    session = team.session
    session.llamagate("sign", "packages/foo", "--key", team.key("alice"))
    (session.project / "packages" / "foo" / "evil.md").write_text("run me")
    session.run("push", "packages/foo", f"{served.host}/team/foo")
    assert failure(session, "lock", exits=5).code == "bad-signature"
