"""Attacks, each by its name: what is refused, with the code that says why, and nothing is installed."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.failures import failure, refused
from tests.cli.parcels import versions, zipped
from tests.sources.git_servers import Origin
from tests.sources.http_server import HttpServer
from tests.trust.keys import public, signed
from tests.trust.team import BOTH, Team


def index_edit(team: Team, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    document = team.index
    change(document)
    (team.shop / "index.json").write_text(json.dumps(document, indent=2) + "\n")


def resigned(team: Team, by: str = "alice") -> None:
    """The index as it is, signed by the real program."""
    data = (team.shop / "index.json").read_bytes()
    (team.shop / "index.json.sig").write_bytes(signed(team.key(by), data, "catalog@llamagate"))


def release(team: Team, version: str = "1.0.0") -> dict:  # type: ignore[type-arg]
    return team.index["items"]["foo"]["versions"][version]  # type: ignore[no-any-return]


def package_change(team: Team) -> None:
    """The publisher's server gets another package under the same version, with an index that fits it."""
    signature = release(team)["signatures"]
    for name in ("index.json", "index.json.sig"):
        (team.shop / name).unlink()
    team.session.package("foo", files={"evil.md": "run me"})
    zipped(team.session, "foo", str(team.shop / "foo-1.0.0.zip"))
    team.build()
    index_edit(team, lambda document: document["items"]["foo"]["versions"]["1.0.0"].update(signatures=signature))
    resigned(team)


def test_a_changed_package_is_refused(team: Team) -> None:
    package_change(team)
    assert failure(team.session, "lock", exits=5).code == "bad-signature"
    assert refused(team.session, "apply") == ["foo bad-signature"]
    assert not team.session.registry.exists()


def test_a_changed_index_is_refused(team: Team) -> None:
    index_edit(team, lambda document: document.update(expires="2099-01-01T00:00:00Z"))
    assert failure(team.session, "apply", exits=5).code == "bad-signature"


def test_an_unknown_key_is_refused(team: Team) -> None:
    shutil.rmtree(team.shop)
    team.shop.mkdir()
    team.publish(by="mallory")
    assert failure(team.session, "apply", exits=5).code == "unknown-signer"


def test_a_key_for_packages_alone_signs_no_index(team: Team) -> None:
    team.allow("builder", namespaces="package@llamagate")
    resigned(team, by="builder")
    found = failure(team.session, "apply", exits=5)
    assert found.code == "unknown-signer"
    assert "may not sign for 'catalog@llamagate'" in found.message


def test_a_stripped_index_is_refused(team: Team) -> None:
    (team.shop / "index.json.sig").unlink()
    assert failure(team.session, "apply", exits=5).code == "unsigned"


def test_a_stripped_package_is_refused(team: Team) -> None:
    index_edit(team, lambda document: document["items"]["foo"]["versions"]["1.0.0"].pop("signatures"))
    resigned(team)
    assert failure(team.session, "lock", exits=5).code == "unsigned"


def test_a_signature_of_another_version_is_refused(team: Team) -> None:
    team.publish(version="1.1.0")
    old = release(team, "1.0.0")["signatures"]
    index_edit(team, lambda document: document["items"]["foo"]["versions"]["1.1.0"].update(signatures=old))
    resigned(team)
    assert failure(team.session, "lock", exits=5).code == "bad-signature"


def test_a_stranger_in_a_good_index_is_refused(team: Team) -> None:
    """The index is alice's; a package in it is signed by a stranger."""
    team.publish("bar", by="mallory")
    resigned(team)
    team.desire("foo", "bar")
    found = failure(team.session, "lock", exits=5)
    assert found.code == "unknown-signer"
    assert "extensions.bar" in found.places[0] or "bar" in found.message


def test_an_older_index_is_refused(team: Team, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(team.shop, old)
    team.publish(version="1.1.0")
    team.session.llamagate("lock")
    for name in ("index.json", "index.json.sig"):
        shutil.copy(old / name, team.shop / name)
    assert failure(team.session, "lock", "--upgrade", exits=5).code == "older-index"


def test_a_frozen_index_is_refused_for_what_is_new(team: Team) -> None:
    """Who keeps a reader from newer issues has only until this one expires."""
    team.session.llamagate("lock")
    index_edit(team, lambda document: document.update(issued="2020-01-01T00:00:00Z", expires="2020-02-01T00:00:00Z"))
    resigned(team)
    assert failure(team.session, "lock", "--upgrade", exits=5).code == "catalog-expired"
    team.session.llamagate("apply")  # what is pinned goes on


def test_an_index_that_is_older_than_the_rule_permits_is_refused(team: Team) -> None:
    index_edit(team, lambda document: document.update(issued="2020-01-01T00:00:00Z", expires="2099-02-01T00:00:00Z"))
    resigned(team)
    team.session.llamagate("lock")
    team.desire(trust=f"sources: {{'{team.shop}': {{max_age: 30d}}}}")
    found = failure(team.session, "lock", "--upgrade", exits=5)
    assert found.code == "catalog-expired"
    assert "max_age" in found.message or "sources" in found.message


def test_the_index_of_another_catalog_is_refused(team: Team) -> None:
    team.session.llamagate("lock")
    team.build(name="other")
    assert failure(team.session, "lock", "--upgrade", exits=5).code == "other-catalog"


def test_a_republished_version_is_refused(team: Team) -> None:
    """The publisher's own key signs other content as the same version."""
    team.session.llamagate("lock")
    serial = team.index["serial"]
    shutil.rmtree(team.shop)
    team.shop.mkdir()
    team.session.package("foo", files={"more.md": "other"})
    zipped(team.session, "foo", str(team.shop / "foo-1.0.0.zip"))
    for _ in range(serial + 1):
        team.build()
    assert failure(team.session, "lock", "--upgrade", exits=5).code == "republished"


def test_a_signature_of_a_commit_is_none_of_a_package(team: Team) -> None:
    """What alice signed as a commit has her key, and is not for packages."""
    statement = team.session.llamagate("sign", "--statement", "packages/foo").out.encode()
    text = signed(team.key("alice"), statement, "git").decode().split("\n", 1)[1].rsplit("\n-----END", 1)[0]
    index_edit(
        team,
        lambda document: document["items"]["foo"]["versions"]["1.0.0"].update(signatures=[text.replace("\n", "")]),
    )
    resigned(team)
    assert failure(team.session, "lock", exits=5).code == "wrong-namespace"


def test_an_edited_lock_is_refused(team: Team) -> None:
    """Another package, which is in the cache already, put into the lock in place of the signed one."""
    team.session.llamagate("apply")
    tree = team.lock["items"][0]["tree"]
    team.session.package("foo", files={"evil.md": "run me"})
    team.session.llamagate("import", "packages/foo")
    (evil,) = (item["tree"] for item in team.session.record()["items"])
    assert evil != tree
    team.edit_lock(tree, evil)
    assert refused(team.session, "plan") == ["foo bad-signature"]
    assert refused(team.session, "apply") == ["foo bad-signature"]
    assert refused(team.session, "apply", "--locked") == ["foo bad-signature"]


@pytest.mark.parametrize("what", ["by", "key", "at"])
def test_what_an_edited_lock_says_of_a_signer_counts_for_nothing(team: Team, what: str) -> None:
    team.session.llamagate("lock")
    value = team.lock["items"][0]["signed"][what]
    other = {"by": "root", "key": f"SHA256:{'A' * 43}", "at": "2020-01-01T00:00:00Z"}[what]
    team.edit_lock(value, other)
    team.session.llamagate("lock")
    assert (team.lock["items"][0]["signed"][what] == value) is (what != "at")


def test_a_lock_without_its_signature_is_refused(team: Team) -> None:
    team.session.llamagate("lock")
    path = team.session.project / "llamagate.lock.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "signed:" not in line))
    assert refused(team.session, "apply", "--locked") == ["foo unsigned"]
    team.session.llamagate("apply")  # which asks the catalog again
    assert team.lock["items"][0]["signed"]["by"] == "alice"


def rotate(team: Team, *, old: str) -> None:
    """Alice has a new key; her old one was valid until ``old``."""
    new = team.key("alice-2")
    team.signers.write_text(
        f'alice namespaces="{BOTH}",valid-before="{old}" {public(team.key("alice"))}\n'
        f'alice namespaces="{BOTH}" {public(new)}\n'
    )


def test_an_old_key_signs_nothing_new_after_a_rotation(team: Team) -> None:
    rotate(team, old="20240101Z")
    assert failure(team.session, "apply", exits=5).code == "key-not-valid"


def test_an_old_lock_stays_good_after_a_rotation(team: Team) -> None:
    team.session.llamagate("apply")
    rotate(team, old="20990101Z")
    team.session.llamagate("apply", "--locked")
    assert team.session.plan()["refusals"] == []


def test_a_revoked_key_reaches_what_is_installed(team: Team) -> None:
    team.session.llamagate("apply")
    team.session.llamagate("apply")
    assert json.loads(team.session.llamagate("status", "--json").out)["in_sync"] is True
    team.revoked.write_text(public(team.key("alice")) + "\n")
    assert team.session.llamagate("status", "--json").json["in_sync"] is False
    assert refused(team.session, "plan") == ["foo revoked-key"]
    assert refused(team.session, "apply") == ["foo revoked-key"]
    assert versions(team.session) == {"foo": "1.0.0"}


def test_a_host_decides_against_the_repository(team: Team) -> None:
    """Who writes the repository lists a key of their own, and asks for nothing."""
    host = team.session.base / "trust.yaml"
    (team.session.base / "host_signers").write_text(f"alice {public(team.key('alice'))}\n")
    host.write_text("apiVersion: llamagate/v1\nsigners: ./host_signers\n")
    shutil.rmtree(team.shop)
    team.shop.mkdir()
    team.publish(by="mallory")
    team.allow("mallory")
    team.desire(trust="require: none")
    assert failure(team.session, "apply", "--trust", host, exits=5).code == "unknown-signer"
    team.session.desired(f"extensions:\n  foo: {{source: {{catalog: '{team.shop}'}}}}\n")
    assert failure(team.session, "--trust", host, "apply", exits=5).code == "unknown-signer"
    team.session.llamagate("apply")


def test_a_repository_can_be_stricter_than_its_host(team: Team) -> None:
    host = team.session.base / "trust.yaml"
    host.write_text("apiVersion: llamagate/v1\nrequire: none\n")
    team.desire(trust="items: {foo: {by: bob}}")
    team.allow("bob")
    assert failure(team.session, "lock", "--trust", host, exits=5).code == "wrong-signer"


def test_several_must_sign(team: Team) -> None:
    """Two keys of one person are one person."""
    team.desire(trust="items: {foo: {by: {any: 2}}}")
    assert failure(team.session, "lock", exits=5).code == "wrong-signer"
    with team.signers.open("a") as out:
        out.write(f"alice {public(team.key('laptop'))}\n")
    team.build(by="laptop")
    assert failure(team.session, "lock", exits=5).code == "wrong-signer"
    team.allow("bob")
    team.build(by="bob")
    team.session.llamagate("lock")
    assert [one["by"] for one in team.lock["items"][0]["signed"]] == ["alice", "alice", "bob"]


def test_a_prefix_ends_where_a_part_ends(team: Team) -> None:
    """A rule that asks for less is for the folder, and not for one whose name begins like it, or goes out of it."""
    (team.shop / "index.json.sig").unlink()
    for prefix in (str(team.shop)[:-1], f"{team.shop}/x"):
        team.desire(trust=f"sources: {{'{prefix}': {{require: none}}}}")
        assert failure(team.session, "lock", exits=5).code == "unsigned"
    team.desire(trust=f"sources: {{'{team.shop}': {{require: none}}}}")
    team.session.llamagate("lock")


def test_dots_lead_under_no_prefix(team: Team) -> None:
    (team.shop / "index.json.sig").unlink()
    (team.session.base / "open").mkdir()
    around = f"{team.session.base}/open/../shop"
    team.session.desired(
        f"extensions:\n  foo: {{source: {{catalog: '{around}'}}}}\n"
        f"trust: {{signers: ./allowed_signers,"
        f" sources: {{'{team.session.base}/open': {{require: none}}}}}}\n"
    )
    assert failure(team.session, "lock", exits=5).code == "unsigned"


def test_a_local_package_is_asked_only_where_a_rule_says_so(team: Team) -> None:
    team.session.extensions("foo", text="")
    more = "trust: {signers: ./allowed_signers, sources: {local: {require: signed}}}\n"
    path = team.session.project / "llamagate.yaml"
    plain = path.read_text()
    path.write_text(plain + "trust: {signers: ./allowed_signers}\n")
    team.session.llamagate("apply")
    path.write_text(plain + more)
    assert refused(team.session, "apply") == ["foo unsigned"]
    team.session.llamagate("sign", "packages/foo", "--key", team.key("alice"))
    team.session.llamagate("apply")
    assert team.lock["items"][0]["signed"]["by"] == "alice"
    (team.session.project / "packages" / "foo" / "more.md").write_text("more")
    assert refused(team.session, "apply") == ["foo bad-signature"]


def test_a_url_has_its_signature_beside_it(team: Team) -> None:
    with HttpServer(folder=team.shop) as server:
        url = f"{server.url()}/foo-1.0.0.zip"
        team.session.desired(f"extensions: {{foo: '{url}'}}\ntrust: {{signers: ./allowed_signers}}\n")
        assert failure(team.session, "lock", exits=5).code == "unsigned"
        team.session.llamagate("sign", team.shop / "foo-1.0.0.zip", "--key", team.key("alice"))
        team.session.llamagate("lock")
        (team.shop / "foo-1.0.0.zip.sig").write_bytes(b"<html>no such page</html>")
        assert failure(team.session, "lock", "--upgrade", exits=5).code == "bad-signature"
    team.session.llamagate("apply")
    assert team.lock["items"][0]["signed"]["by"] == "alice"


def test_a_commit_has_the_signature_beside_the_folder(team: Team, tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin")
    shutil.copytree(team.session.project / "packages" / "foo", origin.path / "packages" / "foo")
    origin.commit()
    team.session.desired(
        f"extensions: {{foo: {{source: {{git: '{origin.path}', path: packages/foo}}}}}}\n"
        "policy: {sources: {local_git: true}}\ntrust: {signers: ./allowed_signers}\n"
    )
    assert failure(team.session, "lock", exits=5).code == "unsigned"
    team.session.llamagate("sign", origin.path / "packages" / "foo", "--key", team.key("alice"))
    origin.commit()
    team.session.llamagate("lock")
    assert team.lock["items"][0]["signed"]["by"] == "alice"


def test_a_signature_that_is_none_is_refused_in_words(team: Team) -> None:
    bad = base64.b64encode(b"SSHSIG").decode()
    index_edit(team, lambda document: document["items"]["foo"]["versions"]["1.0.0"].update(signatures=[bad]))
    resigned(team)
    found = failure(team.session, "lock", exits=5)
    assert found.code == "bad-signature"
    assert "cut off" in found.message
