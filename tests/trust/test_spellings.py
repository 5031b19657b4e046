"""Other spellings, other files: no rule is passed by with them, and a list that cannot be read lets nothing pass."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.store import trust_file
from reconciler.trust.revocation import read_revoked
from reconciler.trust.signers import read_signers
from tests.cli.failures import failure
from tests.cli.shell import Session, finished
from tests.trust.keys import accepted_by_ssh_keygen, make_key, public, signed
from tests.trust.team import Team

SPACE = "package@llamagate"


@pytest.fixture
def here(team: Team) -> Team:
    """The catalog is beside the file."""
    shutil.copytree(team.shop, team.session.project / "shop")
    return team


@pytest.mark.parametrize("spelling", ["./shop", "shop", "../project/shop", "{}/shop"])
@pytest.mark.parametrize("rule", ["./shop", "shop", "{}/shop"])
def test_a_rule_for_a_folder_is_for_each_spelling_of_it(here: Team, rule: str, spelling: str) -> None:
    (here.session.project / "shop" / "index.json.sig").unlink()
    rule, spelling = (text.format(here.session.project) for text in (rule, spelling))
    here.session.desired(
        f"extensions:\n  foo: {{source: {{catalog: {spelling}}}}}\n"
        f"trust: {{signers: ./allowed_signers, sources: {{{rule}: {{require: none}}}}}}\n"
    )
    here.session.llamagate("lock")


def test_a_host_means_folders_beside_its_own_file(here: Team) -> None:
    host = here.session.base / "trust.yaml"
    host.write_text("apiVersion: llamagate/v1\nrequire: none\nsources: {project/shop: {by: bob}}\n")
    here.session.desired("extensions:\n  foo: {source: {catalog: ./shop}}\n")
    assert failure(here.session, "lock", "--trust", host, exits=5).code == "unknown-signer"


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x0c", "\x1c", "\r"], ids=ascii)
def test_a_line_ends_where_ssh_keygen_ends_it(tmp_path: Path, separator: str) -> None:
    """A comment that looks like one line, and has a signer behind a character that few programs show."""
    key = make_key(tmp_path / "key")
    text = f"# our people{separator}mallory {public(key)}\n"
    assert read_signers(text.encode(), name="signers") == ()
    assert not accepted_by_ssh_keygen(tmp_path, text, "mallory", SPACE, b"x", signed(key, b"x", SPACE))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("read", [read_signers, read_revoked])
def test_a_file_of_another_encoding_is_named(tmp_path: Path, encoding: str, read) -> None:  # type: ignore[no-untyped-def]
    data = f"alice {public(make_key(tmp_path / 'key'))}\n".encode(encoding)
    with pytest.raises(InputError, match="UTF-8 without a byte order mark"):
        read(data, name="list")


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    text = public(make_key(tmp_path / "key"))
    assert len(read_signers(f"alice {text}\r\n\r\n# x\r\n".encode(), name="signers")) == 1
    assert len(read_revoked(f"{text}\r\n".encode(), name="revoked")) == 1


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_host_file_behind_a_link_that_leads_nowhere(
    team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    """Somebody has put rules there, and they cannot be read: that is not the same as none."""
    usual = tmp_path / "etc" / "trust.yaml"
    monkeypatch.setattr(trust_file, "HOST_TRUST", str(usual))
    if what == "file":
        usual.parent.mkdir()
        usual.symlink_to("nowhere")
    else:
        usual.parent.symlink_to("nowhere")
    found = failure(team.session, "apply")
    assert found.code == "unreadable"
    assert str(usual) in found.places[0]


def test_no_private_key_is_said(team: Team) -> None:
    """Who mistakes the key for its name, or for its public part."""
    text = team.key("alice").read_text()
    secret = text.splitlines()[1]
    for words in (
        ("sign", "packages/foo", "--key", text),
        ("trust", "add", "x", " " + text),
        ("trust", "revoke", " " + text),
    ):
        said = team.session.llamagate(*words, exits=1)
        assert secret not in said.out + said.err


def test_those_who_revoke_at_once_lose_nothing(session: Session) -> None:
    session.desired("extensions: {}\ntrust: {signers: ./allowed_signers, revoked: ./revoked_keys}\n")
    (session.project / "allowed_signers").write_text("")
    revoked = session.project / "revoked_keys"
    revoked.write_text("")
    revoked.chmod(0o640)
    keys = [f"SHA256:{character * 43}" for character in "ABCDEF"]
    running = [session.process("trust", "revoke", key) for key in keys]
    for one in running:
        with one:
            assert finished(one).code == 0
    assert set(read_revoked(revoked.read_bytes(), name="revoked")) == set(keys)
    assert revoked.stat().st_mode & 0o777 == 0o640


def test_a_weak_key_can_be_revoked(tmp_path: Path) -> None:
    """It would not count anyhow; the list is none the worse for it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", tmp_path / "weak"], check=True)
    assert len(read_revoked(f"{public(tmp_path / 'weak')}\n".encode(), name="revoked")) == 1


def test_every_line_of_revoked_keys_counts(tmp_path: Path) -> None:
    """Whatever ends it: a key must not be taken for a comment behind another one."""
    keys = [public(make_key(tmp_path / name)) for name in "ab"]
    assert len(read_revoked("\r".join(keys).encode(), name="revoked")) == 2


@pytest.mark.parametrize("spelling", ["foo", "FOO"])
def test_a_rule_for_an_item_is_for_each_spelling_of_its_id(team: Team, spelling: str) -> None:
    """Ids that differ in case alone are one id."""
    team.desire(trust=f"items: {{{spelling}: {{by: bob}}}}")
    assert failure(team.session, "lock", exits=5).code == "wrong-signer"


def test_a_pin_of_the_future_is_said_to_be_one(team: Team) -> None:
    team.session.llamagate("apply")
    team.edit_lock(team.lock["items"][0]["signed"]["at"], "2099-01-01T00:00:00Z")
    assert "future" in team.session.plan()["lock"]["stale"][0]
    assert failure(team.session, "apply", "--locked", exits=4).code == "lock-stale"
