"""A home that is left alone, by a hold or a pause, is not ready while what is installed is no longer trusted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.trust.sshsig import dearmoured
from tests.cli.parcels import versions
from tests.loop.watcher import condition
from tests.trust.keys import public, signed
from tests.trust.team import Team
from tests.trust.test_reach import later


def look(team: Team, *, exits: int = 0) -> tuple[str, str]:
    team.session.llamagate("watch", "--once", exits=exits)
    return condition(team.session, "Ready")


@pytest.fixture(params=["hold", "pause", "item"])
def left(request: pytest.FixtureRequest, team: Team) -> Team:
    """Everything is in place, and then left alone."""
    team.session.llamagate("apply")
    assert look(team) == ("True", "InSync")
    if request.param == "hold":
        team.session.package("other")
        team.session.llamagate("import", "packages/other")
        team.session.llamagate("rollback")
    else:
        team.session.llamagate("suspend", *(["foo"] if request.param == "item" else []), "--reason", "later")
    assert look(team)[0] == "True"
    return team


def test_a_key_that_is_revoked(left: Team) -> None:
    left.revoked.write_text(public(left.key("alice")) + "\n")
    assert look(left, exits=5)[0] == "False"
    left.revoked.write_text("")
    assert look(left)[0] == "True"


def test_a_signer_who_is_gone(left: Team) -> None:
    left.signers.write_text(f"bob {public(left.key('bob'))}\n")
    assert look(left, exits=5)[0] == "False"


def test_an_index_that_expires(left: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, timedelta(days=31))
    assert look(left, exits=5)[0] == "False"


def test_a_host_file_that_comes(left: Team) -> None:
    host = left.session.base / "host.yaml"
    (left.session.base / "host_signers").write_text(f"bob {public(left.key('bob'))}\n")
    host.write_text("apiVersion: llamagate/v1\nsigners: ./host_signers\n")
    left.session.llamagate("watch", "--once", "--trust", host, exits=5)
    assert condition(left.session, "Ready")[0] == "False"


def test_a_list_that_is_gone(left: Team) -> None:
    left.revoked.unlink()
    left.session.run("watch", "--once")
    assert condition(left.session, "Ready")[0] == "False"


def test_a_home_that_was_not_ready_is_not_made_so(team: Team) -> None:
    """After a failure, a pause, and a revocation that is taken back."""
    team.session.llamagate("apply")
    file = team.session.project / "llamagate.yaml"
    good = file.read_text()
    file.write_text(good.replace("extensions:", "extension:"))
    assert look(team, exits=1)[0] == "False"
    team.session.llamagate("suspend", "--reason", "later")
    file.write_text(good)
    team.revoked.write_text(public(team.key("alice")) + "\n")
    assert look(team, exits=5) == ("False", "NotTrusted")
    team.revoked.write_text("")
    assert look(team) == ("False", "Malformed")


def test_what_a_rollback_brought_back_counts_too(team: Team) -> None:
    """The lock pins what bob signed; what is installed again is alice's."""
    session = team.session
    session.llamagate("apply")
    team.allow("bob")
    team.publish(version="1.1.0", by="bob")
    session.llamagate("catalog", "sign", team.shop, "--key", team.key("alice"))
    session.llamagate("upgrade", "--accept-signer-change")
    session.llamagate("rollback")
    assert look(team)[0] != "False"
    team.revoked.write_text(public(team.key("alice")) + "\n")
    assert look(team, exits=5) == ("False", "NotTrusted")


def test_a_pause_of_one_item_lets_no_other_pass(team: Team) -> None:
    """What nobody signed is refused by the watcher, too, while it leaves another item alone."""
    team.publish("bar")
    team.desire("foo", "bar")
    team.session.llamagate("apply")
    team.session.llamagate("suspend", "foo", "--reason", "later")
    team.publish("bar", version="1.1.0")
    team.session.llamagate("lock", "--upgrade", "bar")
    (bar,) = (item for item in team.lock["items"] if item["id"] == "bar")
    other = team.key("mallory")
    statement = team.session.llamagate("sign", "packages/bar", "--statement").out.encode()
    (text,) = dearmoured(signed(other, statement, "package@llamagate"))
    team.edit_lock(bar["signed"]["signature"], text)
    assert look(team, exits=5)[0] == "False"
    assert versions(team.session) == {"foo": "1.0.0", "bar": "1.0.0"}
