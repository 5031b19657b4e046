"""A change of trust, and nothing else, reaches what is installed, whatever short cut is taken."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.cli import environment
from reconciler.loop import options as loop_options
from reconciler.resolve import checks
from reconciler.store import trust_file
from reconciler.trust.sshsig import Signature
from reconciler.trust.verify import has_signed
from tests.cli.failures import refused
from tests.cli.parcels import versions, zipped
from tests.cli.shell import Session
from tests.loop.watcher import condition
from tests.sources.http_server import HttpServer
from tests.trust.keys import public, signed
from tests.trust.team import Team


@pytest.fixture
def settled(team: Team, nobody_is_writing: None, monkeypatch: pytest.MonkeyPatch) -> Team:
    """All is applied, and what a pass found is kept for readers."""
    team.session.llamagate("apply")
    later(monkeypatch, timedelta(minutes=1))
    team.session.llamagate("apply")
    assert (team.session.ours / "unchanged.json").exists()
    assert team.session.llamagate("status", "--json").json["in_sync"] is True
    return team


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Clock:
            return datetime.fromtimestamp(datetime.now(UTC).timestamp() + by.total_seconds(), UTC)  # type: ignore[return-value]

    for module in (environment, loop_options):
        monkeypatch.setattr(module, "datetime", Clock)


def watch_once(session: Session, *arguments: object, exits: int = 0) -> str:
    session.llamagate("watch", "--once", *arguments, exits=exits)
    return condition(session, "Ready")[0]


def is_said(team: Team, *arguments: object, code: str) -> None:
    """By status, plan, apply and a pass of the watcher."""
    found = team.session.run("status", "--json", *arguments).json
    assert found["in_sync"] is False
    assert refused(team.session, "plan", *arguments) == [f"foo {code}"]
    assert refused(team.session, "apply", *arguments) == [f"foo {code}"]
    assert watch_once(team.session, *arguments, exits=5) == "False"
    assert versions(team.session) == {"foo": "1.0.0"}


def test_a_revoked_key(settled: Team) -> None:
    assert watch_once(settled.session) == "True"
    settled.revoked.write_text(public(settled.key("alice")) + "\n")
    is_said(settled, code="revoked-key")
    settled.revoked.write_text("")
    assert watch_once(settled.session) == "True"


def test_a_signer_who_is_gone(settled: Team) -> None:
    settled.signers.write_text(f"bob {public(settled.key('bob'))}\n")
    is_said(settled, code="unknown-signer")


def test_a_host_file_that_comes(settled: Team) -> None:
    host = settled.session.base / "host.yaml"
    (settled.session.base / "host_signers").write_text(f"bob {public(settled.key('bob'))}\n")
    host.write_text("apiVersion: llamagate/v1\nsigners: ./host_signers\n")
    is_said(settled, "--trust", host, code="unknown-signer")


def test_a_host_file_in_its_usual_place(settled: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It was not there when the last pass found nothing to do."""
    usual = tmp_path / "etc" / "trust.yaml"
    monkeypatch.setattr(trust_file, "HOST_TRUST", str(usual))
    settled.session.llamagate("apply")
    assert settled.session.llamagate("status", "--json").json["in_sync"] is True
    usual.parent.mkdir()
    (usual.parent / "signers").write_text(f"bob {public(settled.key('bob'))}\n")
    usual.write_text("apiVersion: llamagate/v1\nsigners: ./signers\n")
    is_said(settled, code="unknown-signer")


def test_a_list_that_is_gone_or_malformed(settled: Team) -> None:
    settled.revoked.write_text("nonsense\n")
    settled.session.llamagate("plan", exits=1)
    settled.revoked.unlink()
    found = settled.session.llamagate("status", "--json", exits=1).error
    assert [(one["file"], one["path"]) for one in found["faults"]] == [
        (str(settled.session.project / "llamagate.yaml"), "trust.revoked")
    ]


def test_an_index_that_expires(settled: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is touched; only the time goes on."""
    later(monkeypatch, timedelta(days=31))
    found = settled.session.llamagate("status", "--json").json
    assert found["in_sync"] is False
    assert len(found["expired"]) == 1
    assert found["expired"][0] in settled.session.llamagate("status").out
    (row,) = settled.session.llamagate("outdated", "--json").json["items"]
    assert "expired" in row["notes"][0]
    plan = settled.session.plan()
    assert [one["code"] for one in plan["warnings"]] == ["catalog-expired"]
    assert plan["refusals"] == []
    settled.session.llamagate("apply")
    assert settled.session.llamagate("status", "--json").json["in_sync"] is False
    assert watch_once(settled.session, exits=5) == "False"


def test_what_is_required_of_local_packages(session: Session, team: Team) -> None:
    session.extensions("foo", text="")
    session.llamagate("apply")
    path = session.project / "llamagate.yaml"
    path.write_text(path.read_text() + "trust: {signers: ./allowed_signers, sources: {local: {require: signed}}}\n")
    assert refused(session, "apply") == ["foo unsigned"]
    session.llamagate("sign", "packages/foo", "--key", team.key("alice"))
    session.llamagate("apply")
    assert session.llamagate("status", "--json").json["in_sync"] is True
    (session.project / "packages" / "foo.sig").unlink()
    assert session.llamagate("status", "--json").json["in_sync"] is False


def test_commands_obey_the_rule_for_local_packages(session: Session, team: Team) -> None:
    session.desired("extensions: {}\ntrust: {signers: ./allowed_signers, sources: {local: {require: signed}}}\n")
    assert refused(session, "import", "packages/foo") == ["foo unsigned"]
    session.llamagate("sign", "packages/foo", "--key", team.key("alice"))
    session.llamagate("import", "packages/foo")


def test_an_import_knows_its_signer_where_nobody_is_required(session: Session, team: Team) -> None:
    """Else a key that is revoked would not be found in what is installed."""
    session.package("foo")
    with HttpServer(folder=session.base) as server:
        zipped(session, "foo", str(session.base / "foo.zip"))
        session.llamagate("sign", session.base / "foo.zip", "--key", team.key("alice"))
        rules = "signers: ./allowed_signers, revoked: ./revoked_keys, require: none"
        session.desired(f"extensions: {{}}\ntrust: {{{rules}}}\n")
        session.llamagate("import", server.url("/foo.zip"))
    (item,) = session.record()["items"]
    assert [one[0] for one in item.get("signed_by", [])] == ["alice"]


def test_an_import_obeys_the_rule_for_its_address(session: Session, team: Team) -> None:
    """Of a web server; what is signed is beside it there."""
    served = session.base / "served"
    served.mkdir()
    session.package("foo")
    with HttpServer(folder=served) as server:
        zipped(session, "foo", str(served / "foo.zip"))
        session.desired("extensions: {}\ntrust: {signers: ./allowed_signers, require: signed}\n")
        assert refused(session, "import", server.url("/foo.zip")) == ["foo unsigned"]
        session.llamagate("sign", served / "foo.zip", "--key", team.key("alice"))
        session.llamagate("import", server.url("/foo.zip"))
        assert versions(session) == {"foo": "1.0.0"}
        session.llamagate("sign", served / "foo.zip", "--key", team.key("mallory"))
        shutil.rmtree(session.home)
        (served / "foo.zip.sig").write_text(
            (served / "foo.zip.sig").read_text().partition("-----END")[2].partition("\n")[2]
        )
        assert refused(session, "import", server.url("/foo.zip")) != []


def test_going_back_asks_for_revoked_keys(settled: Team) -> None:
    session = settled.session
    settled.allow("bob")
    settled.publish(version="1.1.0", by="bob")
    data = (settled.shop / "index.json").read_bytes()
    (settled.shop / "index.json.sig").write_bytes(signed(settled.key("bob"), data, "catalog@llamagate"))
    session.llamagate("upgrade", "--accept-signer-change")
    settled.revoked.write_text(public(settled.key("alice")) + "\n")
    assert session.plan()["refusals"] == []
    assert refused(session, "rollback") == ["foo revoked-key"]
    assert refused(session, "restore", "foo") == ["foo revoked-key"]


def test_a_backup_whose_package_is_lost_was_signed_all_the_same(settled: Team) -> None:
    """Where the cache has lost it, the folder is put back as it is."""
    session = settled.session
    session.llamagate("remove", "foo")
    shutil.rmtree(session.ours / "cache")
    settled.revoked.write_text(public(settled.key("alice")) + "\n")
    assert refused(session, "restore", "foo") == ["foo revoked-key"]


def test_what_a_command_brought_is_remembered_with_its_signer(session: Session, team: Team) -> None:
    session.desired(
        "extensions: {}\n"
        "trust: {signers: ./allowed_signers, revoked: ./revoked_keys, sources: {local: {require: signed}}}\n"
    )
    session.llamagate("sign", "packages/foo", "--key", team.key("alice"))
    session.llamagate("import", "packages/foo")
    session.llamagate("remove", "foo")
    team.revoked.write_text(public(team.key("alice")) + "\n")
    assert refused(session, "rollback") == ["foo revoked-key"]


def test_going_back_leaves_what_stays(settled: Team) -> None:
    """A key that was revoked does not keep other items from going back."""
    settled.session.package("other")
    settled.session.llamagate("import", "packages/other")
    settled.revoked.write_text(public(settled.key("alice")) + "\n")
    settled.session.llamagate("rollback")
    assert versions(settled.session) == {"foo": "1.0.0"}


def test_a_pin_of_the_future_is_of_now(settled: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a key that runs out would count on, until something else makes somebody look."""
    (entry,) = settled.lock["items"]
    settled.edit_lock(entry["signed"]["at"], "2099-01-01T00:00:00Z")
    end = f"{datetime.now(UTC) + timedelta(hours=1):%Y%m%d%H%M%SZ}"
    settled.signers.write_text(f'alice valid-before="{end}" {public(settled.key("alice"))}\n')
    settled.session.llamagate("apply")
    assert settled.lock["items"][0]["signed"]["at"] < "2099"
    later(monkeypatch, timedelta(hours=3))
    assert settled.session.llamagate("status", "--json").json["in_sync"] is True
    assert watch_once(settled.session) == "True"


def test_a_key_that_runs_out_after_a_pin_of_a_fast_clock(settled: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pin counts as of now, so the end of the key reaches it, whatever short cut is taken."""
    start = datetime.now(UTC)
    ahead, end = (start + timedelta(hours=hours) for hours in (6, 1))
    settled.edit_lock(settled.lock["items"][0]["signed"]["at"], f"{ahead:%Y-%m-%dT%H:%M:%SZ}")
    settled.signers.write_text(f'alice valid-before="{end:%Y%m%d%H%M%SZ}" {public(settled.key("alice"))}\n')
    later(monkeypatch, timedelta(minutes=2))
    settled.session.llamagate("apply")
    assert settled.session.llamagate("status", "--json").json["in_sync"] is True
    later(monkeypatch, timedelta(hours=3))
    is_said(settled, code="key-not-valid")


MARKS = ("no-longer-signed", "signer-changed", "key-changed", "new-signer")


def marks(session: Session, *arguments: object) -> list[str]:
    (action,) = session.plan(*arguments)["actions"]
    return [one["code"] for one in action["marks"] if one["code"] in MARKS]


def test_marks_name_who_signed(team: Team) -> None:
    session = team.session
    team.desire(trust="require: none")
    assert marks(session) == ["new-signer"]
    session.llamagate("apply")
    team.publish(version="1.1.0")
    session.llamagate("lock", "--upgrade")
    assert marks(session) == []
    session.llamagate("apply")
    team.allow("bob")
    team.publish(version="1.2.0", by="bob")
    said = session.llamagate("lock", "--upgrade", "--json", exits=5).error
    assert said["code"] == "signer-changed"
    session.llamagate("lock", "--upgrade", "--accept-signer-change")
    assert marks(session) == ["signer-changed"]
    first = session.llamagate("plan").out
    assert "signed by bob" in first


def test_marks_name_another_key_and_none(team: Team) -> None:
    session = team.session
    team.desire(trust="require: none")
    session.llamagate("apply")
    with team.signers.open("a") as out:
        out.write(f"alice {public(team.key('alice-2'))}\n")
    team.publish(version="1.1.0", by="alice-2")
    session.llamagate("lock", "--upgrade", exits=5)
    session.llamagate("lock", "--upgrade", "--accept-signer-change")
    assert marks(session) == ["key-changed"]
    session.llamagate("apply")
    for name in ("index.json", "index.json.sig"):
        (team.shop / name).unlink()
    session.package("foo", version="1.2.0")
    zipped(session, "foo", str(team.shop / "foo-1.2.0.zip"))
    session.llamagate("catalog", "build", team.shop)
    session.llamagate("lock", "--upgrade", exits=5)
    session.llamagate("lock", "--upgrade", "--accept-signer-change")
    assert marks(session) == ["no-longer-signed"]


def test_a_lock_without_trust_is_as_it_always_was(team: Team) -> None:
    team.session.desired(f"extensions:\n  foo: {{source: {{catalog: '{team.shop}'}}}}\n")
    team.session.llamagate("lock")
    text = (team.session.project / "llamagate.lock.yaml").read_text()
    assert "signed" not in text
    assert "catalogs" not in text
    assert json.dumps(team.session.locked()["exec"]) == "[]"


def test_sync_says_what_nobody_signed(session: Session, team: Team) -> None:
    """Another tool put it there: it is taken into the record all the same, which changes no file."""
    session.desired("extensions: {}\ntrust: {signers: ./allowed_signers, sources: {local: {require: signed}}}\n")
    session.package("other")
    shutil.copytree(session.project / "packages" / "other", session.installed("other"))
    said = session.llamagate("sync", "--json").json
    assert [one["code"] for one in said["warnings"] if one["id"] == "other"] == ["not-trusted"]


def test_what_was_verified_is_judged_and_not_computed_again(settled: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that a full pass took, to the byte; any other one is verified, also where a plan was refused before."""
    computed: list[str] = []

    def look(signature: Signature, message: bytes) -> bool:
        computed.append(signature.key)
        return has_signed(signature, message)

    monkeypatch.setattr(checks, "has_signed", look)
    (settled.session.ours / "unchanged.json").unlink()
    assert settled.session.plan()["refusals"] == []
    assert computed == []
    tree = settled.lock["items"][0]["tree"]
    settled.session.package("foo", files={"evil.md": "run me"})
    settled.session.llamagate("import", "packages/foo")
    settled.edit_lock(tree, settled.session.record()["items"][0]["tree"])
    for _ in range(2):
        computed.clear()
        assert refused(settled.session, "apply") == ["foo bad-signature"]
        assert computed
