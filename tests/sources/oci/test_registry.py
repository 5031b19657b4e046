"""Packages in a real registry: pushed, chosen, locked, installed, and refused where somebody changed them."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from reconciler.apply import journal as journals
from reconciler.apply import transaction
from reconciler.model.home import Home
from reconciler.model.journal import Journal
from reconciler.sources.oci.manifests import MANIFEST
from tests.cli.shell import Session
from tests.sources.oci.clients import client_of, packed
from tests.sources.oci.conftest import LogIn, push
from tests.sources.registries import IDENTITY, PASSWORD, Registry, TokenServer, basic, registry, skopeo


def desire(session: Session, host: str, text: str = "", item: str = "foo") -> None:
    session.desired(f"extensions:\n  {item}: {{source: {{oci: '{host}/team/{item}'{text}}}}}\n")


def tokens_of(found: Registry) -> TokenServer:
    assert found.tokens is not None
    return found.tokens


# Push


def test_the_same_content_is_pushed_as_the_same_digest(session: Session, open_registry: Registry) -> None:
    """From a folder, from its archives, and again."""
    first = push(session, open_registry.host)
    packages = session.project / "packages"
    shutil.make_archive(str(session.base / "foo"), "gztar", packages, "foo")
    asked = len(open_registry.requests)
    for place in (packages / "foo", session.base / "foo.tar.gz"):
        again = session.llamagate("push", "--json", place, f"{open_registry.host}/team/foo").json
        assert (again["digest"], again["pushed"]) == (first, False)
    assert not [line for line in open_registry.requests[asked:] if not line.startswith("GET ")]
    other = session.llamagate("push", "--json", packages / "foo", f"{open_registry.host}/other/foo:stable").json
    assert (other["digest"], other["tag"], other["pushed"]) == (first, "stable", True)


def test_what_a_push_leaves_is_an_artifact(session: Session, open_registry: Registry) -> None:
    digest = push(session, open_registry.host)
    place = f"docker://{open_registry.host}/team/foo"
    manifest = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"{place}:1.0.0"))
    assert manifest["artifactType"] == "application/vnd.llamagate.package.v1"
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    (layer,) = manifest["layers"]
    assert layer["annotations"] == {"org.opencontainers.image.title": "foo-1.0.0.zip"}
    assert manifest["annotations"]["org.opencontainers.image.version"] == "1.0.0"
    assert skopeo("inspect", "--raw", "--tls-verify=false", f"{place}@{digest}")
    assert open_registry.blob(layer["digest"]).read_bytes().startswith(b"PK")


def test_a_published_version_keeps_its_content(session: Session, open_registry: Registry) -> None:
    push(session, open_registry.host)
    session.edit("packages/foo/manifest.yaml", "1.0.0", "1.0.0\n# other\n")
    place = f"{open_registry.host}/team/foo"
    failed = session.llamagate("push", "--json", session.project / "packages" / "foo", place, exits=5)
    assert failed.error["code"] == "republished"
    session.llamagate("push", session.project / "packages" / "foo", f"{place}:stable")
    session.llamagate("push", "--replace", session.project / "packages" / "foo", place)


@pytest.mark.parametrize("tag", [":2.0.0", ":v1.0.1"])
def test_a_tag_of_another_version_is_refused(session: Session, open_registry: Registry, tag: str) -> None:
    session.package("foo")
    place = f"{open_registry.host}/team/foo{tag}"
    failed = session.llamagate("push", "--json", session.project / "packages" / "foo", place, exits=1)
    assert failed.error["code"] == "wrong-package"
    assert open_registry.requests == []


def test_a_version_with_a_plus(session: Session, open_registry: Registry) -> None:
    push(session, open_registry.host, version="1.2.0+b.7")
    assert '"1.2.0_b.7"' in skopeo("list-tags", "--tls-verify=false", f"docker://{open_registry.host}/team/foo")
    desire(session, open_registry.host)
    session.llamagate("apply")
    assert (session.locked()["version"], session.locked()["pin"]["tag"]) == ("1.2.0+b.7", "1.2.0_b.7")
    assert session.llamagate("outdated", "--json").json["items"][0]["outdated"] is False


# What is taken


def test_versions_are_chosen_among_the_tags(session: Session, open_registry: Registry) -> None:
    digests = {version: push(session, open_registry.host, version=version) for version in ("1.0.0", "1.3.0", "2.0.0")}
    push(session, open_registry.host, ref="team/foo:latest", version="2.0.0")
    session.desired(f"extensions:\n  foo: {{source: {{oci: '{open_registry.host}/team/foo'}}, version: ^1}}\n")
    session.llamagate("apply")
    pin = {"oci": f"{open_registry.host}/team/foo", "digest": digests["1.3.0"], "tag": "1.3.0"}
    assert session.locked()["pin"] == pin
    (row,) = session.llamagate("outdated", "--json").json["items"]
    assert (row["locked"], row["wanted"], row["latest"]) == ("1.3.0", "1.3.0", "2.0.0")
    push(session, open_registry.host, version="1.4.0")
    session.llamagate("upgrade")
    assert session.locked()["pin"]["digest"] != pin["digest"]
    assert session.llamagate("list", "--json").json["items"][0]["version"] == "1.4.0"


def test_a_version_that_is_gone_moves_no_pin_down(session: Session, open_registry: Registry) -> None:
    for version in ("1.0.0", "1.1.0"):
        push(session, open_registry.host, version=version)
    desire(session, open_registry.host)
    session.llamagate("apply")
    shutil.rmtree(open_registry.data / "docker/registry/v2/repositories/team/foo/_manifests/tags/1.1.0")
    assert session.llamagate("lock", "--upgrade", "--json", exits=5).error["code"] == "older-than-pin"
    shutil.rmtree(session.home)
    said = session.llamagate("apply")
    assert "does not have the tag 1.1.0 any more" in said.out
    assert session.llamagate("list", "--json").json["items"][0]["version"] == "1.1.0"
    assert "1.0.0" in session.llamagate("diff", "foo@1.0.0").out


def test_a_digest_in_the_file(session: Session, open_registry: Registry) -> None:
    digest = push(session, open_registry.host)
    desire(session, open_registry.host, f", ref: '@{digest}'")
    session.llamagate("apply")
    assert session.locked()["pin"]["digest"] == digest
    session.llamagate("add", "bar", f"oci://{open_registry.host}/team/bar@{digest}", exits=1)


def test_a_tag_that_is_no_version_moves_on(session: Session, open_registry: Registry) -> None:
    first = push(session, open_registry.host, ref="team/foo:stable")
    desire(session, open_registry.host, ", ref: stable")
    session.llamagate("lock")
    push(session, open_registry.host, ref="team/foo:stable", version="1.1.0")
    session.llamagate("apply")
    assert session.locked()["pin"]["digest"] == first
    (row,) = session.llamagate("outdated", "--json").json["items"]
    assert row["outdated"]
    session.llamagate("upgrade")
    assert session.locked()["version"] == "1.1.0"


def test_add_pins_what_is_there(session: Session, open_registry: Registry) -> None:
    digest = push(session, open_registry.host)
    session.llamagate("init")
    session.llamagate("add", "foo", f"oci={open_registry.host}/team/foo", "^1")
    assert session.locked()["pin"]["digest"] == digest
    session.llamagate("apply", "--locked")
    session.llamagate("export", "foo", "--out", session.base / "foo.zip")
    again = session.llamagate("push", "--json", session.base / "foo.zip", f"{open_registry.host}/team/foo").json
    assert not again["pushed"], "an export is the package that was pushed"


def test_a_mirror_keeps_the_pins(session: Session, open_registry: Registry) -> None:
    """Another's client copies it to another registry: its digests stay, so the file changes and no content does."""
    push(session, open_registry.host)
    desire(session, open_registry.host)
    session.llamagate("apply")
    before = session.locked()
    with registry(session.base / "mirror") as mirror:
        places = [f"docker://{one.host}/team/foo:1.0.0" for one in (open_registry, mirror)]
        skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *places)
        desire(session, mirror.host)
        shutil.rmtree(session.home)
        session.llamagate("apply")
    after = session.locked()
    assert (after["archive"], after["tree"]) == (before["archive"], before["tree"])
    assert after["pin"] == {**before["pin"], "oci": f"{mirror.host}/team/foo"}


@pytest.mark.parametrize("lost", ["all", "blobs"])
def test_a_mirror_helps_out(session: Session, open_registry: Registry, log_in: LogIn, lost: str) -> None:
    """Where the registry is down, or has lost it. The lock says where it belongs; each has a login of its own."""
    push(session, open_registry.host)
    with registry(session.base / "mirror", "basic") as mirror:
        log_in(mirror.host)
        push(session, mirror.host)
        desire(session, open_registry.host, f", mirrors: ['{mirror.host}/gone/foo', '{mirror.host}/team/foo']")
        session.llamagate("lock")
        before = session.locked()
        asked = len(mirror.requests)
        shutil.rmtree(session.home)
        if lost == "blobs":
            open_registry.blob(before["archive"]).unlink()
            session.llamagate("apply", "--locked")
            assert len(mirror.requests) > asked
        else:
            open_registry.stop()
            session.llamagate("apply", "--locked")
            session.llamagate("lock", "--upgrade")
        assert session.locked() == before
        log_in(auths={})
        shutil.rmtree(session.home)
        failed = session.llamagate("apply", "--json", exits=1)
        assert mirror.host in failed.err


def test_mirrors_of_a_registry_are_repositories(session: Session) -> None:
    desire(session, "registry.example.org", ", mirrors: ['https://mirror.example.org/team/foo']")
    assert "REGISTRY/NAME" in session.llamagate("validate", exits=1).err


# What an earlier version is told


def test_a_home_with_a_package_of_a_registry_has_a_number_of_its_own(
    session: Session, open_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record, generation and journal, also of the change that takes the last one away; without one it is as ever."""
    numbers = []

    def write_journal(home: Home, journal: Journal) -> None:
        journals.write_journal(home, journal)
        numbers.append(json.loads(home.journal.read_bytes())["body"]["schema"])

    monkeypatch.setattr(transaction, "write_journal", write_journal)
    push(session, open_registry.host)
    session.package("foo", version="0.9.0")
    session.extensions("foo")
    session.llamagate("apply")
    found = [(session.record()["schema"], session.generation(1)["schema"], numbers[-1])]
    desire(session, open_registry.host)
    session.llamagate("apply")
    found.append((session.record()["schema"], session.generation(2)["schema"], numbers[-1]))
    session.extensions()
    session.llamagate("apply", "--allow-prune")
    found.append((session.record()["schema"], session.generation(3)["schema"], numbers[-1]))
    assert found == [(2, 2, 2), (3, 3, 3), (2, 2, 3)]


# What is refused


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_changed_blob_is_refused(session: Session, open_registry: Registry, is_locked: bool) -> None:
    push(session, open_registry.host)
    desire(session, open_registry.host)
    session.llamagate("lock")
    blob = open_registry.blob(session.locked()["archive"])
    shutil.rmtree(session.home)
    if not is_locked:
        (session.project / "llamagate.lock.yaml").unlink()
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    failed = session.llamagate("apply", "--json", exits=5)
    assert failed.error["code"] == "pin-mismatch"
    assert not session.installed("foo").exists()


def test_a_changed_manifest_is_refused(session: Session, open_registry: Registry) -> None:
    """Its tag still leads to the digest, and the digest to other bytes."""
    digest = push(session, open_registry.host)
    desire(session, open_registry.host, f", ref: '@{digest}'")
    manifest = open_registry.blob(digest)
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    failed = session.llamagate("apply", "--json", exits=5)
    assert failed.error["code"] == "pin-mismatch"


def test_a_lock_whose_archive_is_of_another_manifest_is_refused(session: Session, open_registry: Registry) -> None:
    digest = push(session, open_registry.host)
    other = push(session, open_registry.host, version="1.1.0")
    desire(session, open_registry.host, f", ref: '@{digest}'")
    session.llamagate("lock")
    session.edit("llamagate.lock.yaml", f'"digest": "{digest}"', f'"digest": "{other}"')
    shutil.rmtree(session.home)
    assert session.llamagate("apply", "--json", exits=5).error["code"] == "pin-mismatch"


def test_what_the_registry_has_lost(session: Session, open_registry: Registry) -> None:
    digest = push(session, open_registry.host, ref="team/foo:stable")
    desire(session, open_registry.host, ", ref: stable")
    session.llamagate("lock")
    shutil.rmtree(session.home)
    open_registry.blob(digest).unlink()
    failed = session.llamagate("apply", "--json", exits=1)
    assert failed.error["code"] == "not-found"
    assert "lock --upgrade" in failed.error["message"] or "lock --upgrade" in session.llamagate("apply", exits=1).err


def test_an_image_is_no_package(session: Session, open_registry: Registry) -> None:
    (session.base / "image").mkdir()
    layout = session.base / "image"
    digest = push(session, open_registry.host)
    place = f"docker://{open_registry.host}/team/foo"
    raw = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"{place}@{digest}"))
    raw["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    manifest = layout / "manifest.json"
    manifest.write_text(json.dumps(raw))

    client_of(open_registry.host, "team/foo").put("1.0.1", manifest.read_bytes(), MANIFEST)
    desire(session, open_registry.host, ", ref: 1.0.1")
    assert session.llamagate("apply", "--json", exits=1).error["code"] == "wrong-package"


# Who asks


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_a_registry_that_asks_who_it_is(session: Session, log_in: LogIn, auth: str) -> None:
    with registry(session.base / "registry", auth) as found:
        session.package("foo")
        place = f"{found.host}/team/foo"
        failed = session.llamagate("push", "--json", session.project / "packages" / "foo", place, exits=1)
        assert failed.error["code"] == "credentials"
        assert "docker login" in session.llamagate("push", session.project / "packages" / "foo", place, exits=1).err
        log_in(found.host)
        push(session, found.host)
        desire(session, found.host)
        session.llamagate("apply")
        assert PASSWORD not in "".join(path.read_text(errors="replace") for path in session.ours.rglob("*.json"))
        log_in(auths={found.host: {"auth": basic("somebody")}})
        shutil.rmtree(session.home)
        failed = session.llamagate("apply", "--json", exits=1)
        assert failed.error["faults"][0]["code"] == "credentials"
        assert "somebody" not in failed.out
        assert basic("somebody") not in failed.out


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_credentials_that_the_file_names(session: Session, log_in: LogIn, auth: str) -> None:
    """They are taken instead of what is logged in."""
    with registry(session.base / "registry", auth) as found:
        log_in(found.host)
        push(session, found.host)
        log_in(auths={found.host: {"auth": basic("somebody")}})
        session.variables["REGISTRY_LOGIN"] = f"ada:{PASSWORD}"
        desire(session, found.host, ", auth: {basic_env: REGISTRY_LOGIN}")
        session.llamagate("apply")


def test_a_registry_that_gives_tokens_to_everyone(session: Session, log_in: LogIn) -> None:
    with registry(session.base / "registry", "token", anonymous=True) as found:
        log_in(found.host)
        push(session, found.host)
        log_in(auths={})
        desire(session, found.host)
        session.llamagate("apply")
        assert tokens_of(found).shown[-1] == ""


def test_an_identity_token(session: Session, log_in: LogIn) -> None:
    """What some registries leave in place of a password: it is exchanged by a form."""
    with registry(session.base / "registry", "token") as found:
        log_in(auths={found.host: {"auth": basic(), "identitytoken": IDENTITY}})
        push(session, found.host)
        assert tokens_of(found).asked[-1]["refresh_token"] == [IDENTITY]
        assert set(tokens_of(found).shown) == {""}


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.long)])
def test_many_items_of_one_repository_cost_one_token(session: Session, log_in: LogIn, count: int) -> None:
    """One manifest and one blob each, by threads that share what is shown."""
    with registry(session.base / "registry", "token") as found:
        log_in(found.host)
        names = [f"item-{number}" for number in range(count)]
        lines = []

        client = client_of(found.host, "team/all", login=basic())
        for name in names:
            digest = packed(session, client, name)
            lines.append(f"  {name}: {{source: {{oci: '{found.host}/team/all', ref: '@{digest}'}}}}\n")
        session.desired("extensions:\n" + "".join(lines))
        before, asked = len(tokens_of(found).asked), len(found.requests)
        session.llamagate("apply")
        assert len(tokens_of(found).asked) - before == 1
        refused = 8  # each thread may have begun before the token was there
        assert len(found.requests) - asked <= 2 * count + refused
        assert len(session.llamagate("list", "--json").json["items"]) == count


def test_a_token_that_runs_out_is_renewed(session: Session, log_in: LogIn) -> None:
    """The registry allows 60 seconds of doubt; a token that has run out for longer is refused."""
    with registry(session.base / "registry", "token") as found:
        log_in(found.host)
        push(session, found.host)
        push(session, found.host, version="1.1.0")

        client = client_of(found.host, "team/foo", login=basic())
        assert set(client.tags() or ()) == {"1.0.0", "1.1.0"}
        tokens_of(found).seconds = 300
        old = client.access._shown
        assert old is not None
        client.access._shown = type(old)(origin=old.origin, label=old.label, header=old.header, value=old.value[:-4])
        before = len(tokens_of(found).asked)
        assert set(client.tags() or ()) == {"1.0.0", "1.1.0"}
        assert len(tokens_of(found).asked) == before + 1


def test_a_helper_that_hangs(session: Session, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, with what it has started, and the message names it."""
    monkeypatch.setattr("reconciler.sources.oci.login.HELPER_SECONDS", 0.5)
    folder = session.base / "bin"
    folder.mkdir()
    helper = folder / "docker-credential-slow"
    helper.write_text("#!/bin/sh\nsleep 100 &\nwait\n")
    helper.chmod(0o755)
    session.variables["PATH"] = f"{folder}:/usr/bin:/bin"
    with registry(session.base / "registry", "basic") as found:
        log_in(credsStore="slow")
        session.package("foo")
        began = time.monotonic()
        failed = session.llamagate("push", session.project / "packages" / "foo", f"{found.host}/team/foo", exits=1)
        assert time.monotonic() - began < 50  # half of what it sleeps
        assert "docker-credential-slow" in failed.err
