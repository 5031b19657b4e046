"""Files of allowed signers and of revoked keys, beside what the real ``ssh-keygen`` says of the same file."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.trust.revocation import read_revoked
from reconciler.trust.signers import different_people, fits, read_signers
from tests.trust.keys import accepted_by_ssh_keygen, make_key, public, signature, signed

SPACE = "package@llamagate"
YESTERDAY, TOMORROW = (f"{datetime.now(UTC) + timedelta(days=days):%Y%m%d%H%M%S}Z" for days in (-1, 1))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys") / "key")


LINES = {
    "plain": ("a@b {}", "a@b"),
    "another name": ("a@b {}", "b@b"),
    "several": ("x@b,a@b {}", "a@b"),
    "a pattern": ("*@b {}", "a@b"),
    "a question mark": ("?@b {}", "a@b"),
    "negated": ("*@b,!a@b {}", "a@b"),
    "negated for another": ("*@b,!c@b {}", "a@b"),
    "case counts": ("A@b {}", "a@b"),
    "quoted names": ('"a@b,c@b" {}', "c@b"),
    "a comment after it": ("a@b {} of somebody", "a@b"),
    "tabs": ("a@b\t{}", "a@b"),
    "the namespace": ('a@b namespaces="git,package@llamagate" {}', "a@b"),
    "another namespace": ('a@b namespaces="git" {}', "a@b"),
    "a pattern of namespaces": ('a@b namespaces="*@llamagate" {}', "a@b"),
    "valid": (f'a@b valid-after="{YESTERDAY}",valid-before="{TOMORROW}" {{}}', "a@b"),
    "no longer valid": (f'a@b valid-before="{YESTERDAY}" {{}}', "a@b"),
    "not yet valid": (f'a@b valid-after="{TOMORROW}" {{}}', "a@b"),
    "days": ('a@b valid-after="20200101",valid-before="20990101" {}', "a@b"),
    "minutes": ('a@b valid-before="202001010000" {}', "a@b"),
    "options in capitals": ('a@b NAMESPACES="git" {}', "a@b"),
    "a comment line": ("# a@b {}", "a@b"),
    "the second line": ('a@b namespaces="git" {0}\na@b {0}', "a@b"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_file_means_what_ssh_keygen_reads(tmp_path: Path, key: Path, case: str) -> None:
    text, name = LINES[case]
    text = text.format(public(key)) + "\n"
    lines = read_signers(text.encode(), name="signers")
    found = signature(key, b"x", SPACE)
    here = any(
        line.public == found.public and line.is_named(name) and line.signs(SPACE) and line.is_valid(time.time())
        for line in lines
    )
    assert here is accepted_by_ssh_keygen(tmp_path, text, name, SPACE, b"x", signed(key, b"x", SPACE))


def test_a_time_without_z_is_local(monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        text = f'a valid-after="202001010900" {public(key)}\nb valid-after="202001010000Z" {public(key)}\n'
        local, utc = read_signers(text.encode(), name="signers")
        assert local.after == utc.after
    finally:
        monkeypatch.undo()
        time.tzset()


BAD = {
    "authority": ("a cert-authority {}", "cert-authority"),
    "option": ("a no-touch-required {}", "unknown option"),
    "unquoted": ("a namespaces=git {}", "unknown option|not options"),
    "quote": ('a namespaces="git {}', "quote"),
    "empty": ('a namespaces="" {}', "empty"),
    "time": ('a valid-before="tomorrow" {}', "not a time"),
    "order": ('a valid-after="20300101",valid-before="20200101" {}', "not after"),
    "twice": ('a namespaces="git",namespaces="file" {}', "twice"),
    "dsa": ("a ssh-dss AAAAB3NzaC1kc3MAAAAA", "base64|ssh-dss"),
    "other type": ("a ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGZrMLUsS4+dMTgQtH6VJSVYrPRzLxL9xcJ0Z2Pcn0dO", "type|short"),
    "no key": ("a", "expected"),
    "certificate": (
        "a ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAA",
        "not supported|cut",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_line_that_cannot_be_used_is_named(key: Path, case: str) -> None:
    text, why = BAD[case]
    with pytest.raises(InputError, match=why) as raised:
        read_signers(f"good {public(key)}\n{text.format(public(key))}\n".encode(), name="signers")
    assert [(fault.file, fault.line) for fault in raised.value.faults] == [("signers", 2)]


def test_every_line_that_cannot_be_used_is_named() -> None:
    with pytest.raises(InputError) as raised:
        read_signers(b"a b c\n\nd\n", name="signers")
    assert [fault.line for fault in raised.value.faults] == [1, 3]


def test_revoked_keys_by_key_and_by_fingerprint(key: Path) -> None:
    print_ = signature(key, b"x", SPACE).key
    assert read_revoked(f"# lost\n{public(key)} laptop\n".encode(), name="r") == {print_: 2}
    assert read_revoked(f"{print_} lost\n".encode(), name="r") == {print_: 1}


@pytest.mark.parametrize("data", [b"SSHKRL\n\0....", b"SHA256:short\n", b"a b\n"], ids=["krl", "short", "no key"])
def test_a_list_that_cannot_be_used_lets_nothing_pass(data: bytes) -> None:
    with pytest.raises(InputError):
        read_revoked(data, name="r")


def test_patterns_take_time_that_is_bounded() -> None:
    assert not fits("a" * 2_000, "*a" * 200 + "b")


PEOPLE = {
    "two": ("a@b {0}\nc@b {1}", 2),
    "two keys of one": ("a@b {0}\na@b {1}", 1),
    "another name of one": ("a@b,work@b {0}\nwork@b,a@b {1}", 1),
    "a pattern that fits": ("*@b {0}\na@b {1}", 1),
    "a pattern that does not": ("*@c {0}\na@b {1}", 2),
    "two patterns that fit one name": ("a*@b {0}\n*l@b {1}", 1),
    "one key under two names": ("a@b {0}\nc@b {0}", 1),
    "by way of a third": ("a@b {0}\nc@b {1}\na@b,c@b {2}", 1),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_different_people(tmp_path: Path, case: str) -> None:
    """Two keys of one person are one person, whichever of their names is first."""
    text, people = PEOPLE[case]
    keys = [public(make_key(tmp_path / name)) for name in "abc"]
    assert different_people(read_signers(text.format(*keys).encode(), name="signers")) == people
