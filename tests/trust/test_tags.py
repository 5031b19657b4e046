"""A signed tag of git is the statement of what is in its commit: which tags count, and which do not."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path

import pytest

from reconciler.trust.sshsig import parse
from reconciler.trust.tags import read_tag, tag_of
from reconciler.trust.verify import has_signed
from reconciler.trust.wire import WireError
from tests.cli.failures import failure, refused
from tests.cli.parcels import versions
from tests.cli.shell import Session
from tests.sources.git_servers import Origin
from tests.trust.keys import public, signed
from tests.trust.team import BOTH, Team

GIT = f"{BOTH},git"


@pytest.fixture
def team(session: Session) -> Team:
    """Alice may sign tags, too."""
    made = Team(session)
    made.signers.write_text("")
    made.allow("alice", namespaces=GIT)
    return made


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "origin")
    made.package("packages/foo")
    return made


def sign(team: Team, origin: Origin, name: str, commit: str = "HEAD", by: str = "alice") -> None:
    key = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={team.key(by)}"]
    origin.git(*key, "tag", "--force", "--sign", "--message", f"Release {name}", name, commit)


def desire(team: Team, origin: Origin, more: str = "version: '*'", path: str = ", path: packages/foo") -> None:
    inside, beside = (f", {more}", "") if more.startswith("ref") else ("", f", {more}")
    team.session.desired(
        f"extensions: {{foo: {{source: {{git: '{origin.path}'{inside}{path}}}{beside}}}}}\n"
        "policy: {sources: {local_git: true}}\n"
        "trust: {signers: ./allowed_signers, revoked: ./revoked_keys}\n"
    )


@pytest.mark.parametrize("more", ["version: ^1", "ref: v1.0.0", "ref: refs/tags/v1.0.0"])
def test_a_signed_tag_counts(team: Team, origin: Origin, more: str) -> None:
    sign(team, origin, "v1.0.0")
    desire(team, origin, more)
    team.session.llamagate("lock")
    (entry,) = team.lock["items"]
    assert entry["signed"]["by"] == "alice"
    assert base64.b64decode(entry["signed"]["tag"]).startswith(f"object {entry['pin']['commit']}\n".encode())
    team.session.llamagate("apply", "--locked")
    assert versions(team.session) == {"foo": "1.0.0"}
    said = team.session.llamagate("verify", "--signatures", "--explain").out
    assert "tag 'v1.0.0'" in said
    team.session.llamagate("apply", "--locked")


def test_a_package_that_is_the_whole_repository(team: Team, tmp_path: Path) -> None:
    """It has no place for a file of signatures beside it."""
    origin = Origin(tmp_path / "whole", object_format="sha256")
    team.session.package("foo")
    shutil.copytree(team.session.project / "packages" / "foo", origin.path, dirs_exist_ok=True)
    origin.commit()
    sign(team, origin, "v1.0.0")
    desire(team, origin, path="")
    team.session.llamagate("apply")
    assert team.lock["items"][0]["signed"]["by"] == "alice"


def test_a_key_that_may_not_sign_for_git(team: Team, origin: Origin) -> None:
    team.signers.write_text("")
    team.allow("alice")
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    found = failure(team.session, "lock", exits=5)
    assert (found.code, "may not sign for 'git'" in found.message) == ("unknown-signer", True)


@pytest.mark.parametrize("annotated", [False, True])
def test_a_tag_that_nobody_signed(team: Team, origin: Origin, annotated: bool) -> None:
    origin.tag("v1.0.0", annotated=annotated)
    desire(team, origin)
    assert failure(team.session, "lock", exits=5).code == "unsigned"


def test_a_stranger_signed_the_tag(team: Team, origin: Origin) -> None:
    sign(team, origin, "v1.0.0", by="mallory")
    desire(team, origin)
    assert failure(team.session, "lock", exits=5).code == "unknown-signer"


def test_a_tag_under_another_name(team: Team, origin: Origin) -> None:
    """Who may push puts the signed tag of an old version where a new one is looked for."""
    sign(team, origin, "v1.0.0")
    origin.git("update-ref", "refs/tags/v1.5.0", "refs/tags/v1.0.0")
    origin.git("update-ref", "-d", "refs/tags/v1.0.0")
    for more in ("version: '*'", "ref: v1.5.0"):
        desire(team, origin, more)
        found = failure(team.session, "lock", exits=5)
        assert (found.code, "the tag 'v1.0.0'" in found.message) == ("bad-signature", True)


def test_a_tag_of_a_tag(team: Team, origin: Origin) -> None:
    """The inner one is unsigned, and the outer one says of it only that it is a tag."""
    origin.tag("inner", annotated=True)
    sign(team, origin, "v1.0.0", "inner")
    origin.git("tag", "--delete", "inner")
    desire(team, origin)
    found = failure(team.session, "lock", exits=5)
    assert (found.code, "a tag of a tag" in found.message) == ("bad-signature", True)


def test_a_tag_that_was_moved(team: Team, origin: Origin) -> None:
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    team.session.llamagate("apply")
    origin.commit({"packages/foo/more.md": "more"})
    sign(team, origin, "v1.0.0")
    assert failure(team.session, "lock", "--upgrade", exits=5).code == "republished"
    origin.tag("v1.0.0")
    assert failure(team.session, "lock", "--upgrade", exits=5).code == "unsigned"
    team.session.llamagate("apply", "--locked")


def evil(team: Team) -> str:
    """Another package of that id, in the cache."""
    team.session.package("foo", files={"evil.md": "run me"})
    team.session.llamagate("import", "packages/foo")
    (tree,) = (item["tree"] for item in team.session.record()["items"])
    return str(tree)


def test_an_edited_lock(team: Team, origin: Origin) -> None:
    """The tag is good, and the content that the lock pins is not what its commit has."""
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    team.session.llamagate("apply")
    team.edit_lock(team.lock["items"][0]["tree"], evil(team))
    for words in (["plan"], ["apply"], ["apply", "--locked"]):
        assert refused(team.session, *words) == ["foo bad-signature"]
    team.session.llamagate("verify", "--signatures", exits=5)


def test_another_commit_in_the_lock(team: Team, origin: Origin) -> None:
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    team.session.llamagate("apply")
    other = origin.commit({"packages/foo/evil.md": "run me"})
    team.edit_lock(team.lock["items"][0]["pin"]["commit"], other)
    assert refused(team.session, "apply", "--locked") == ["foo bad-signature"]


def test_another_commit_with_the_same_content(team: Team, origin: Origin) -> None:
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    team.session.llamagate("apply")
    other = origin.commit({"elsewhere.md": "more"})
    team.edit_lock(team.lock["items"][0]["pin"]["commit"], other)
    assert refused(team.session, "apply", "--locked") == ["foo bad-signature"]


def test_a_signature_that_was_made_for_something_else(team: Team, origin: Origin) -> None:
    """Alice signs files, too: one that has the text of a tag."""
    team.signers.write_text(f"alice {public(team.key('alice'))}\n")
    text = tag_object(team, origin).partition(b"-----BEGIN")[0]
    forged = text + signed(team.key("alice"), text, "file")
    oid = origin.git("hash-object", "-t", "tag", "-w", "--stdin", given=forged)
    origin.git("update-ref", "refs/tags/v1.0.0", oid)
    desire(team, origin)
    assert failure(team.session, "lock", exits=5).code == "wrong-namespace"


def test_a_tag_and_no_commit_at_hand(team: Team, origin: Origin) -> None:
    """Whether the lock fits the tag cannot be told, and is not taken for granted."""
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    team.session.llamagate("apply")
    shutil.rmtree(origin.path)
    for copy in (team.session.ours / "cache" / "git").glob("*.git"):
        shutil.rmtree(copy)
    team.session.llamagate("apply", "--locked")  # it was verified here before
    said = team.session.llamagate("verify", "--signatures", "--json", exits=5).json
    assert "is not on this machine" in said["items"][0]["problem"]


def test_a_revoked_key(team: Team, origin: Origin) -> None:
    sign(team, origin, "v1.0.0")
    desire(team, origin)
    team.session.llamagate("apply")
    team.revoked.write_text(public(team.key("alice")) + "\n")
    assert refused(team.session, "apply") == ["foo revoked-key"]


def test_the_text_of_a_commit_is_none_of_a_tag(team: Team, origin: Origin) -> None:
    key = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={team.key('alice')}"]
    origin.git(*key, "commit", "--quiet", "--allow-empty", "-S", "-m", "signed")
    text = origin.git("cat-file", "commit", "HEAD").encode()
    with pytest.raises(WireError, match="not the text of a tag"):
        tag_of(base64.b64encode(text).decode())


def tag_object(team: Team, origin: Origin) -> bytes:
    sign(team, origin, "v1.0.0")
    return origin.git("cat-file", "tag", "v1.0.0").encode() + b"\n"


def test_a_tag_that_was_changed_anywhere(team: Team, origin: Origin) -> None:
    data = tag_object(team, origin)
    good = read_tag(data)
    assert has_signed(parse(good[1]), good[0].signed)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            tag, text = read_tag(changed)
            is_good = has_signed(parse(text), tag.signed)
        except WireError:
            continue
        assert not is_good or (tag, text) == good


def test_what_is_no_signed_tag(team: Team, origin: Origin) -> None:
    data = tag_object(team, origin)
    signature = data[data.index(b"-----BEGIN") :]
    (head,) = re.findall(rb"(?s)^object .*?\n\n", data)
    for bad in (
        data[: data.index(b"-----BEGIN")],
        data + signature,
        data + b"more\n",
        data.replace(b"type commit", b"type tree", 1),
        data.replace(b"\ntagger", b"\nother x\ntagger", 1),
        data.replace(b"\ntag v1.0.0\n", b"\ntag v1.0.0\ntag v2.0.0\n", 1),
        head + b"x" * 20_000 + b"\n" + signature,
    ):
        with pytest.raises(WireError):
            read_tag(bad)
