"""The commands around signatures, where their transcripts do not show it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.cli.environment import environment
from reconciler.queries.metrics import read_metrics
from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.trust.keys import accepted_by_ssh_keygen, make_key, public
from tests.trust.team import Team


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The socket of an agent of its own."""
    socket = f"/tmp/agent-{os.getpid()}"  # noqa: S108 - the path of a socket is short
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield socket
        process.terminate()


def test_the_key_of_an_agent_signs(session: Session, tmp_path: Path, agent: str) -> None:
    session.package("foo")
    session.variables["SSH_AUTH_SOCK"] = agent
    assert failure(session, "sign", "packages/foo", "--key", "agent").code == "not-found"
    key = make_key(tmp_path / "key")
    environ = {**os.environ, "SSH_AUTH_SOCK": agent}
    subprocess.run(["ssh-add", "-q", key], env=environ, check=True, capture_output=True)
    key.unlink()
    session.llamagate("sign", "packages/foo", "--key", "agent")
    statement = session.llamagate("sign", "packages/foo", "--statement").out.encode()
    made = (session.project / "packages" / "foo.sig").read_bytes()
    assert accepted_by_ssh_keygen(tmp_path, f"a {public(key)}\n", "a", "package@llamagate", statement, made)
    session.llamagate("sign", "packages/foo", "--key", f"{key}.pub")


def test_a_signature_of_other_content_does_not_stay(session: Session, tmp_path: Path) -> None:
    session.package("foo")
    session.llamagate("sign", "packages/foo", "--key", make_key(tmp_path / "one"))
    (session.project / "packages" / "foo" / "more.md").write_text("more")
    done = session.llamagate("sign", "packages/foo", "--key", make_key(tmp_path / "two"), "--json")
    assert done.json["others"] == 0


def test_a_signed_catalog_is_not_built_without_a_key(team: Team) -> None:
    assert failure(team.session, "catalog", "build", team.shop).code == "exists"
    team.session.llamagate("catalog", "sign", team.shop, "--key", team.key("alice"), exits=64)
    team.session.llamagate("catalog", "sign", team.shop, "--renew", "--key", team.key("alice"))
    assert team.index["serial"] == 2


def test_every_fault_of_the_rules_has_its_place(session: Session) -> None:
    session.desired("trust:\n  signer: ./x\n  require: maybe\n  sources: {a: {max_age: 3 days}}\n  items: {b: {}}\n")
    assert [place.split(":", 1)[1] for place in failure(session, "validate").places] == [
        "3:3 trust.signer",
        "4:3 trust.require",
        "5:17 trust.sources.a.max_age",
        "6:11 trust.items.b",
    ]


def test_metrics_know_when_an_index_expires(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.session.llamagate("apply")
    monkeypatch.chdir(team.session.project)
    text = read_metrics(environment(team.session.home), Path("llamagate.yaml"))
    (line,) = (one for one in text.splitlines() if one.startswith("llamagate_catalog_expires_timestamp_seconds"))
    expires = datetime.strptime(team.index["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert line.split(" ")[-1] == str(int(expires.timestamp()))


def test_a_key_that_the_host_revoked_is_not_listed_as_valid(team: Team) -> None:
    """The file has no signers of its own, so those of the host are listed for both."""
    host = team.session.base / "trust.yaml"
    host.write_text("apiVersion: llamagate/v1\nsigners: project/allowed_signers\nrevoked: project/revoked_keys\n")
    team.session.desired("extensions: {}\ntrust: {require: signed}\n")
    team.revoked.write_text(public(team.key("alice")) + "\n")
    (row,) = team.session.llamagate("trust", "list", "--trust", host, "--json").json["signers"]
    assert row["state"].startswith("revoked")


def test_nobody_may_sign_and_nobody_is_asked_are_two_things(team: Team) -> None:
    team.signers.write_text("")
    asked = team.session.llamagate("trust", "list").out
    team.session.desired("extensions: {}\n")
    assert asked != team.session.llamagate("trust", "list").out


def test_a_wrong_option_is_not_said_of_the_file(team: Team) -> None:
    for words in ("tomorrow", '20300101",x="'):
        found = failure(team.session, "trust", "add", "bob", public(team.key("bob")), "--valid-before", words)
        assert (found.places, "--valid-before" in found.message) == ([], True)
