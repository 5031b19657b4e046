"""Several signatures of one index, and an index that loses its own."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.cli.failures import failure
from tests.cli.parcels import zipped
from tests.cli.shell import Session
from tests.trust.keys import accepted_by_ssh_keygen, public, signed
from tests.trust.team import Team


def sign(team: Team, by: str, *arguments: object, exits: int = 0) -> dict[str, object]:
    said = team.session.llamagate(
        "catalog", "sign", team.shop, "--key", team.key(by), "--json", *arguments, exits=exits
    )
    return said.json  # type: ignore[no-any-return]


def signatures(team: Team) -> int:
    return (team.shop / "index.json.sig").read_text().count("BEGIN SSH SIGNATURE")


def test_a_second_person_signs_the_same_issue(team: Team, tmp_path: Path) -> None:
    team.allow("bob")
    team.desire(trust=f"sources: {{'{team.shop}': {{by: {{any: 2}}}}}}, items: {{foo: {{by: alice}}}}")
    assert failure(team.session, "lock", exits=5).code == "wrong-signer"
    before = (team.shop / "index.json").read_bytes()
    done = sign(team, "bob")
    assert (done["serial"], done["others"], done["lapsed"]) == (1, 1, 0)
    assert (team.shop / "index.json").read_bytes() == before
    team.session.llamagate("lock")
    blocks = (team.shop / "index.json.sig").read_bytes().split(b"-----BEGIN")[1:]
    for name, block in zip(("alice", "bob"), blocks, strict=True):
        line = f"{name} {public(team.key(name))}\n"
        assert accepted_by_ssh_keygen(tmp_path, line, name, "catalog@llamagate", before, b"-----BEGIN" + block)


def test_a_new_issue_has_one_signature_and_says_who_is_missing(team: Team) -> None:
    sign(team, "bob")
    done = sign(team, "alice", "--renew")
    assert (done["serial"], done["others"], done["lapsed"], signatures(team)) == (2, 0, 1, 1)
    said = team.session.llamagate("catalog", "build", team.shop, "--sign", team.key("bob")).out
    assert "1 other signature was of the issue before" in said
    assert sign(team, "alice")["others"] == 1
    team.session.llamagate("lock")


def test_nobody_signs_twice(team: Team) -> None:
    sign(team, "alice", exits=64)
    assert (team.index["serial"], signatures(team)) == (1, 1)
    team.session.llamagate("sign", team.shop, "--key", team.key("bob"))
    assert (team.index["serial"], signatures(team)) == (1, 2)


def test_what_is_beside_an_edited_index_is_not_signed_over(team: Team) -> None:
    document = team.index
    document["expires"] = "2099-01-01T00:00:00Z"
    (team.shop / "index.json").write_text(json.dumps(document))
    sign(team, "bob", exits=64)
    document["expires"] = "2020-01-01T00:00:00Z"
    data = json.dumps(document).encode()
    (team.shop / "index.json").write_bytes(data)
    (team.shop / "index.json.sig").write_bytes(signed(team.key("alice"), data, "catalog@llamagate"))
    sign(team, "bob", exits=64)
    sign(team, "bob", "--name", "other", exits=64)


def test_two_sign_at_once(team: Team) -> None:
    names = [f"signer-{number}" for number in range(4)]
    for name in names:
        team.key(name)
    threads = [
        threading.Thread(
            target=lambda name=name: team.session.in_process("catalog", "sign", team.shop, "--key", team.key(name))
        )
        for name in names
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert signatures(team) == 5


def strip(team: Team) -> None:
    """The server offers the same index, which nobody has signed, with one more package."""
    team.publish("bar")
    (team.shop / "index.json.sig").unlink()


def test_an_index_that_loses_its_signature_is_told(team: Team) -> None:
    """Also where nothing is required."""
    session = team.session
    team.desire(trust="require: none")
    session.llamagate("apply")
    strip(team)
    session.llamagate("apply")  # nothing is asked of it
    team.desire("foo", "bar", trust="require: none")
    for words in (["plan"], ["apply"], ["lock"], ["lock", "--upgrade"], ["upgrade"]):
        assert failure(session, *words, exits=5).code == "signer-changed"
    session.llamagate("lock", "--upgrade", "--accept-signer-change")
    (catalog,) = team.lock["catalogs"]
    assert (catalog["signed"], catalog["serial"]) == (False, 1)
    (action,) = session.plan()["actions"]
    assert (action["id"], action["marks"][0]["code"]) == ("bar", "no-longer-signed")
    session.llamagate("apply")
    session.llamagate("lock", "--upgrade")  # it was accepted
    assert "is not signed now" in session.llamagate("verify", "--signatures").out
    assert session.plan()["actions"] == []


def test_a_signature_that_comes_back(team: Team) -> None:
    session = team.session
    team.desire(trust="require: none")
    session.llamagate("apply")
    strip(team)
    team.desire("foo", "bar", trust="require: none")
    session.llamagate("lock", "--upgrade", "--accept-signer-change")
    team.build()
    session.llamagate("lock", "--upgrade")
    (catalog,) = team.lock["catalogs"]
    assert ("signed" in catalog, catalog["serial"]) == (False, team.index["serial"])


def test_the_signature_of_a_stranger_is_none(team: Team) -> None:
    """Else it would say which serial has been seen, and keep the good ones out."""
    session = team.session
    team.desire(trust="require: none")
    session.llamagate("apply")
    document = team.index
    document["serial"] = 10**9
    data = json.dumps(document).encode()
    (team.shop / "index.json").write_bytes(data)
    (team.shop / "index.json.sig").write_bytes(signed(team.key("mallory"), data, "catalog@llamagate"))
    assert failure(session, "lock", "--upgrade", exits=5).code == "signer-changed"
    session.llamagate("apply")
    assert team.lock["catalogs"][0]["serial"] == 1


@pytest.mark.parametrize("require", ["none", "signed"])
def test_an_unsigned_catalog_that_never_was(session: Session, require: str) -> None:
    shop = session.base / "shop"
    shop.mkdir()
    session.package("foo")
    zipped(session, "foo", str(shop / "foo-1.0.0.zip"))
    session.llamagate("catalog", "build", shop)
    (session.project / "signers").write_text("")
    session.desired(
        f"extensions: {{foo: {{source: {{catalog: '{shop}'}}}}}}\ntrust: {{signers: ./signers, require: {require}}}\n"
    )
    session.llamagate("lock", exits=0 if require == "none" else 5)


@pytest.mark.parametrize("words", [["outdated"], ["search", "foo"], ["show", "bar"]], ids=" ".join)
def test_who_only_looks_believes_no_stranger_either(team: Team, words: list[str]) -> None:
    team.publish("bar")
    team.session.llamagate("lock")
    data = json.dumps(team.index).replace('"1.0.0"', '"6.6.6"').encode()
    (team.shop / "index.json").write_bytes(data)
    (team.shop / "index.json.sig").write_bytes(signed(team.key("mallory"), data, "catalog@llamagate"))
    assert failure(team.session, *words, exits=5).code == "unknown-signer"
