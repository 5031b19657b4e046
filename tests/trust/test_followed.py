"""Followed repositories: the signers of this host, revoked keys, and every commit since the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.loop.test_following import follow, publish, sign, version
from tests.loop.watcher import condition
from tests.sources.git_servers import Origin
from tests.trust.keys import make_key, public


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "origin")
    publish(made, foo="1.0.0")
    return made


@pytest.fixture
def host(tmp_path: Path, origin: Origin) -> Path:
    """The rules of the host: alice signs, and nobody is revoked. The first commit is hers."""
    folder = tmp_path / "etc"
    folder.mkdir()
    for name in ("alice", "mallory"):
        make_key(folder / name)
    (folder / "signers").write_text(f"alice {public(folder / 'alice')}\n")
    (folder / "revoked").write_text("")
    (folder / "trust.yaml").write_text(
        "apiVersion: llamagate/v1\nsigners: ./signers\nrevoked: ./revoked\nsources: {local: {require: none}}\n"
    )
    sign(origin, folder / "alice")
    return folder / "trust.yaml"


def test_the_signers_of_the_host_sign_commits_too(session: Session, origin: Origin, host: Path) -> None:
    follow(session, origin, "--trust", host)
    publish(origin, foo="1.1.0")
    follow(session, origin, "--trust", host, exits=5)
    assert version(session) == "1.0.0"
    sign(origin, host.parent / "alice")
    follow(session, origin, "--trust", host)
    assert version(session) == "1.1.0"


def test_a_revoked_key_reaches_a_commit_that_was_taken(session: Session, origin: Origin, host: Path) -> None:
    follow(session, origin, "--trust", host)
    (host.parent / "revoked").write_text(public(host.parent / "alice") + "\n")
    said = follow(session, origin, "--trust", host, exits=5)
    assert "was revoked" in said.err
    assert condition(session, "Ready")[0] == "False"


def test_a_host_that_asks_for_nothing_has_a_list_of_revoked_keys(session: Session, origin: Origin, host: Path) -> None:
    host.write_text("apiVersion: llamagate/v1\nrevoked: ./revoked\nrequire: none\n")
    flags = ("--trust", host, "--allowed-signers", host.parent / "signers")
    follow(session, origin, "--trust", host)
    follow(session, origin, *flags)
    (host.parent / "revoked").write_text(public(host.parent / "alice") + "\n")
    assert "was revoked" in follow(session, origin, *flags, exits=5).err


@pytest.mark.parametrize(("how", "exits"), [("tip", 0), ("all", 5)])
def test_an_unsigned_commit_below_a_signed_one(
    session: Session, origin: Origin, host: Path, how: str, exits: int
) -> None:
    """L18: a signed, empty commit over one that nobody signed."""
    follow(session, origin, "--trust", host)
    publish(origin, foo="6.6.6")
    key = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={host.parent / 'alice'}"]
    origin.git(*key, "commit", "--quiet", "--allow-empty", "-S", "-m", "fine")
    follow(session, origin, "--trust", host, "--signed", how, exits=exits)
    assert version(session) == ("1.0.0" if exits else "6.6.6")


def test_all_commits_that_are_signed_are_taken(session: Session, origin: Origin, host: Path) -> None:
    follow(session, origin, "--trust", host)
    for number in (1, 2):
        publish(origin, foo=f"1.{number}.0")
        sign(origin, host.parent / "alice")
    follow(session, origin, "--trust", host, "--signed", "all")
    assert version(session) == "1.2.0"


def test_without_signers_there_is_nothing_to_check(session: Session, origin: Origin) -> None:
    follow(session, origin, "--signed", "all", exits=64)
