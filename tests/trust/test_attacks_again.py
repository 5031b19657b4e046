"""More attacks, each by its name: on followed commits, on lists and rules, and on people who read what others wrote."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from reconciler.model.trust import armoured
from reconciler.resolve import checks
from tests.cli.failures import failure, refused
from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.loop.test_following import follow, publish, sign, version
from tests.sources.git_servers import Origin
from tests.trust.keys import make_key, public, signed
from tests.trust.team import BOTH, Team
from tests.trust.test_attacks import release
from tests.trust.test_followed import host, origin

__all__ = ["host", "origin"]


@pytest.mark.parametrize("header", ["gpgsig", "gpgsig-sha256"])
@pytest.mark.parametrize("between", ["", "other x\n"])
def test_a_second_signature_does_not_hide_a_revoked_key(
    session: Session, origin: Origin, host: Path, header: str, between: str
) -> None:
    """git takes the signature of a revoked key; beside it is one of another signer, of whatever."""
    with (host.parent / "signers").open("a") as out:
        out.write(f"bob {public(make_key(host.parent / 'bob'))}\n")
    follow(session, origin, "--trust", host)
    publish(origin, foo="6.6.6")
    sign(origin, host.parent / "alice")
    (host.parent / "revoked").write_text(public(host.parent / "alice") + "\n")
    commit = origin.git("cat-file", "commit", "HEAD")
    other = signed(host.parent / "bob", b"whatever", "git").decode().rstrip("\n").replace("\n", "\n ")
    head, _, message = commit.partition("\n\n")
    for forged in (
        f"{head}\n{between}{header} {other}\n\n{message}",
        commit.replace("gpgsig", f"{header} {other}\n{between}gpgsig"),
    ):
        oid = origin.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", given=f"{forged}\n".encode())
        origin.git("update-ref", "refs/heads/main", oid)
        follow(session, origin, "--trust", host, exits=5)
        assert version(session) == "1.0.0"


def test_a_certificate_does_not_hide_a_revoked_key(session: Session, origin: Origin, host: Path) -> None:
    """Its fingerprint is another one than that of the key in it."""
    folder = host.parent
    authority = make_key(folder / "authority")
    words = ["ssh-keygen", "-q", "-s", str(authority), "-I", "alice", "-n", "alice", str(folder / "alice.pub")]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "signers").write_text(f"alice cert-authority {public(authority)}\n")
    key = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={folder / 'alice-cert.pub'}"]
    origin.git(*key, "commit", "--quiet", "--amend", "--no-edit", "-S")
    flags = ("--allowed-signers", folder / "signers")
    follow(session, origin, *flags)
    (folder / "revoked").write_text(public(folder / "alice") + "\n")
    follow(session, origin, *flags, "--revoked-keys", folder / "revoked", exits=5)


def test_a_key_that_ran_out_for_commits_alone(session: Session, origin: Origin, host: Path) -> None:
    """It is valid for packages still, and the commit says that it is old."""
    key = public(host.parent / "alice")
    (host.parent / "signers").write_text(
        f'alice namespaces="git",valid-before="20250101" {key}\nalice namespaces="{BOTH}" {key}\n'
    )
    assert "is not valid now" in follow(session, origin, "--trust", host, exits=5).err


ESCAPE = "ali\x1b[8mce"


def test_the_name_of_a_signer_is_shown_harmless(team: Team) -> None:
    """It comes from a list in a repository, and goes to a terminal."""
    session = team.session
    for name in (ESCAPE, "a\u202elice", "ali\x07ce"):
        team.signers.write_text(f'"{name}" namespaces="{BOTH}" {public(team.key("alice"))}\n')
        session.run("lock", "--upgrade", "--accept-signer-change")
        for words in (["plan"], ["verify", "--signatures", "--explain"], ["trust", "list"], ["lock"], ["show", "foo"]):
            said = session.run(*words)
            assert not set("\x1b\x07\u202e") & set(said.out + said.err), words
        (session.project / "llamagate.lock.yaml").unlink()


def test_a_name_that_is_no_text_or_too_long(team: Team) -> None:
    for name in (b"ali\xffce", b"a" * 2_000):
        team.signers.write_bytes(name + f' namespaces="{BOTH}" {public(team.key("alice"))}\n'.encode())
        found = failure(team.session, "lock")
        assert [one.removesuffix(":None") for one in found.places] == [f"{team.signers}:1"]


@pytest.mark.parametrize("what", ["trust.yaml", "signers", "revoked", ".", ".."])
def test_a_host_file_that_everybody_may_write(team: Team, tmp_path: Path, what: str) -> None:
    """Who may write it decides who may sign: that is said, and nothing passes."""
    folder = tmp_path / "host" / "etc"
    folder.mkdir(parents=True)
    (folder / "signers").write_text(f"alice {public(team.key('alice'))}\n")
    (folder / "revoked").write_text("")
    (folder / "trust.yaml").write_text("apiVersion: llamagate/v1\nsigners: ./signers\nrevoked: ./revoked\n")
    team.session.llamagate("apply", "--trust", folder / "trust.yaml")
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir(mode=0o777)
    real.chmod(0o777)
    (real / "trust.yaml").write_bytes((folder / "trust.yaml").read_bytes().replace(b"./", f"{folder}/".encode()))
    link.symlink_to(real / "trust.yaml")
    assert failure(team.session, "plan", "--trust", link, exits=5).code == "insecure"
    (folder / what).chmod(0o777)
    assert failure(team.session, "plan", "--trust", folder / "trust.yaml", exits=5).code == "insecure"


def test_a_host_file_that_is_mounted_for_reading_alone(team: Team, tmp_path: Path) -> None:
    """So containers get their files: the folder has the mode 0777, and nobody may write into it."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (folder / "signers").write_text(f"alice {public(team.key('alice'))}\n")
    (folder / "trust.yaml").write_text("apiVersion: llamagate/v1\nsigners: ./signers\n")
    mounts = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*alone, mounts], check=False, capture_output=True).returncode:
        pytest.skip("no mounts of one's own here")
    command = f"{mounts} && {sys.executable} -B -m reconciler plan --trust {folder / 'trust.yaml'}"
    environ = {**team.session.environment, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [*alone, command], cwd=team.session.project, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_list_that_is_no_file(team: Team) -> None:
    team.signers.unlink()
    os.mkfifo(team.signers)
    failure(team.session, "plan")
    team.signers.unlink()
    team.signers.symlink_to("/dev/zero")
    failure(team.session, "plan")


def test_a_link_to_a_list_is_a_list(team: Team) -> None:
    """A change behind it is a change."""
    real = team.session.base / "elsewhere"
    team.signers.rename(real)
    team.signers.symlink_to(real)
    team.session.llamagate("apply")
    team.session.llamagate("apply")
    real.write_text("")
    assert refused(team.session, "plan") == ["foo unknown-signer"]


def test_a_huge_file_of_signatures(team: Team) -> None:
    text = (team.shop / "index.json.sig").read_text()
    for data in (
        text + "x" * 2**20,
        text * 400,
        "-----BEGIN SSH SIGNATURE-----\n" * 2_000,
        text.replace("\n", "\n" * 30_000),
    ):
        (team.shop / "index.json.sig").write_text(data)
        assert failure(team.session, "lock", exits=5).code in ("bad-signature", "unsigned")
    (team.shop / "index.json.sig").write_text(text.replace("\n", "\r\n"))
    team.session.llamagate("lock")


def test_an_index_with_other_line_ends(team: Team) -> None:
    path = team.shop / "index.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert failure(team.session, "lock", exits=5).code == "bad-signature"


WORDS = {
    "local in another case": "sources: {Local: {require: signed}}",
    "a pattern": "sources: {'https://*.example.org': {require: none}}",
    "nothing": "sources: {'': {require: none}}",
    "an id of another alphabet": "items: {'f\u043e\u043e': {by: alice}}",
}


@pytest.mark.parametrize("case", WORDS)
def test_a_rule_that_looks_as_if_it_did_something(team: Team, case: str) -> None:
    """A host's own file cannot be told by the items of one file that it is misspelt."""
    host = team.session.base / "host.yaml"
    host.write_text(f"apiVersion: llamagate/v1\nsigners: project/allowed_signers\n{WORDS[case]}\n", "utf-8")
    failure(team.session, "--trust", host, "plan")


def test_a_clock_that_was_set_back(team: Team) -> None:
    """An index of tomorrow is not taken, nor a key that is not valid yet."""
    ahead = datetime.now(UTC) + timedelta(days=2)
    path = team.shop / "index.json"
    document = path.read_text().replace(team.index["issued"], f"{ahead:%Y-%m-%dT%H:%M:%SZ}")
    document = document.replace(team.index["expires"], f"{ahead + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}")
    path.write_text(document)
    (team.shop / "index.json.sig").write_bytes(signed(team.key("alice"), document.encode(), "catalog@llamagate"))
    assert failure(team.session, "lock", exits=5).code == "catalog-expired"
    team.signers.write_text(f'alice valid-after="{ahead:%Y%m%d%H%M%SZ}" {public(team.key("alice"))}\n')
    assert failure(team.session, "lock", exits=5).code == "key-not-valid"


def test_what_is_off_is_not_switched_on_with_a_revoked_key(team: Team) -> None:
    team.session.llamagate("apply")
    team.session.llamagate("disable", "foo")
    team.revoked.write_text(public(team.key("alice")) + "\n")
    assert refused(team.session, "enable", "foo") == ["foo revoked-key"]
    team.session.llamagate("remove", "foo")


def test_trust_that_is_empty_is_not_none(team: Team) -> None:
    for text in ("trust:", "trust: ~", "trust: []", "trust: {signers: }"):
        team.session.desired(f"extensions: {{foo: {{source: {{catalog: '{team.shop}'}}}}}}\n{text}\n")
        failure(team.session, "plan")


def test_a_flood_of_signatures(team: Team) -> None:
    """Of one package so many are looked at, and no more: each costs, and some cost a process."""
    (good,) = release(team)["signatures"]
    data = bytearray(base64.b64decode(good))
    flood = []
    for number in range(200):
        data[-1] = number
        flood.append(armoured(base64.b64encode(bytes(data)).decode()))
    assert len(checks.signatures_in(flood, at="")) <= 32
    team.session.llamagate("lock")
    entry = json.dumps(team.lock["items"][0]["signed"])
    path = team.session.project / "llamagate.lock.yaml"
    path.write_text(path.read_text().replace(entry, f"[{', '.join([entry] * 200)}]"))
    failure(team.session, "plan")


def test_a_tag_and_a_file_are_of_two_people(team: Team, tmp_path: Path) -> None:
    origin = Origin(tmp_path / "both")
    origin.package("packages/foo")
    team.signers.write_text("")
    team.allow("alice", namespaces=f"{BOTH},git")
    team.allow("bob")
    team.session.llamagate("sign", origin.path / "packages" / "foo", "--key", team.key("bob"))
    origin.commit()
    key = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={team.key('alice')}"]
    origin.git(*key, "tag", "--sign", "--message", "one", "v1.0.0")
    team.session.desired(
        f"extensions: {{foo: {{source: {{git: '{origin.path}', path: packages/foo}}, version: '*'}}}}\n"
        "policy: {sources: {local_git: true}}\n"
        "trust: {signers: ./allowed_signers, items: {foo: {by: {any: 2}}}}\n"
    )
    team.session.llamagate("apply")
    assert [one["by"] for one in team.lock["items"][0]["signed"]] == ["alice", "bob"]


def test_a_saved_plan_is_judged_when_it_is_applied(team: Team) -> None:
    plan = team.session.project / "plan.json"
    team.session.llamagate("plan", "--out", plan)
    team.revoked.write_text(public(team.key("alice")) + "\n")
    team.session.llamagate("apply", plan, exits=5)
    assert not team.session.registry.exists()


def test_a_signature_beside_that_is_no_file(team: Team) -> None:
    session = team.session
    session.desired(
        "extensions: {foo: ./packages/foo}\ntrust: {signers: ./allowed_signers, sources: {local: {require: signed}}}\n"
    )
    beside = session.project / "packages" / "foo.sig"
    for make in (os.mkfifo, partial(os.symlink, "/dev/zero"), os.mkdir):
        make(beside)
        assert session.run("plan").code in (1, 5)
        if beside.is_dir():
            beside.rmdir()
        else:
            beside.unlink()


def test_one_key_that_signed_often(team: Team) -> None:
    """Each signature of an ecdsa key is another one. The lock keeps one of them, and can be read again."""
    key = make_key(team.session.base / "ecdsa", "ecdsa-256")
    team.signers.write_text(f"carol {public(key)}\n")
    statement = team.session.llamagate("sign", "packages/foo", "--statement").out.encode()
    files = [signed(key, statement, "package@llamagate") for _ in range(20)]
    (team.session.project / "packages" / "foo.sig").write_bytes(b"".join(files[:16]))
    team.session.desired(
        "extensions: {foo: ./packages/foo}\ntrust: {signers: ./allowed_signers, sources: {local: {by: carol}}}\n"
    )
    team.session.llamagate("lock")
    assert team.lock["items"][0]["signed"]["by"] == "carol"
    team.session.llamagate("apply", "--locked")
