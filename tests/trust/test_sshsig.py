"""Signatures: those of the real ``ssh-keygen`` verify here, and the reverse."""

from __future__ import annotations

import base64
import hashlib
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from reconciler.model.trust import armoured
from reconciler.trust.sshsig import Signature, dearmoured, encoded, parse
from reconciler.trust.verify import has_signed
from reconciler.trust.wire import Reader, WireError, string
from tests.trust.keys import KINDS, accepted_by_ssh_keygen, make_key, public, signature, signed

MESSAGE = b"a statement\n"
SPACE = "package@llamagate"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [(), ("-O", "hashalg=sha256")], ids=["sha512", "sha256"])
def test_what_ssh_keygen_signs_verifies_here(tmp_path: Path, kind: str, options: tuple[str, ...]) -> None:
    found = signature(make_key(tmp_path / "key", kind), MESSAGE, SPACE, *options)
    assert found.namespace == SPACE
    assert has_signed(found, MESSAGE)
    assert not has_signed(found, MESSAGE + b" ")


def test_what_is_signed_here_verifies_with_ssh_keygen(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    private = load_ssh_private_key(key.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    blob = base64.b64decode(public(key).split()[1])
    to_sign = Signature(
        public=blob, namespace=SPACE, reserved=b"", hash="sha512", algorithm="ssh-ed25519", value=b"", text=""
    ).signed(MESSAGE)
    text = encoded(public=blob, namespace=SPACE, digest="sha512", algorithm="ssh-ed25519", value=private.sign(to_sign))
    assert accepted_by_ssh_keygen(tmp_path, f"me {public(key)}\n", "me", SPACE, MESSAGE, armoured(text))
    assert has_signed(parse(text), MESSAGE)


def test_armour_is_read_and_written_as_ssh_keygen_does(tmp_path: Path) -> None:
    made = signed(make_key(tmp_path / "key", "rsa"), MESSAGE, SPACE)
    assert armoured(dearmoured(made)[0]) == made
    assert dearmoured(made + made) == dearmoured(made) * 2
    assert dearmoured(made.replace(b"\n", b"\r\n")) == dearmoured(made)


def test_a_fido_key_is_asked_of_ssh_keygen() -> None:
    """A security key signs the digest of its application's name, flags, a counter and the digest of the message."""
    private, application = Ed25519PrivateKey.generate(), b"ssh:"
    kind = b"sk-ssh-ed25519@openssh.com"
    blob = string(kind) + string(private.public_key().public_bytes_raw()) + string(application)
    probe = Signature(
        public=blob, namespace=SPACE, reserved=b"", hash="sha512", algorithm=kind.decode(), value=b"", text=""
    )
    flags = b"\x01" + (7).to_bytes(4)
    digests = [hashlib.sha256(part).digest() for part in (application, probe.signed(MESSAGE))]
    value = private.sign(digests[0] + flags + digests[1])
    inner = string(kind) + string(value) + flags
    head = b"SSHSIG" + (1).to_bytes(4)
    data = head + b"".join(map(string, (blob, SPACE.encode(), b"", b"sha512", inner)))
    found = parse(base64.b64encode(data).decode())
    assert has_signed(found, MESSAGE)
    assert not has_signed(found, MESSAGE + b" ")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text[:-8], "cut off"),
        (lambda text: base64.b64encode(base64.b64decode(text) + b"x").decode(), "follows its end"),
        (lambda text: base64.b64encode(b"SSHSIX" + base64.b64decode(text)[6:]).decode(), "SSHSIG"),
        (
            lambda text: base64.b64encode(
                base64.b64decode(text)[:6] + b"\0\0\0\2" + base64.b64decode(text)[10:]
            ).decode(),
            "version 2",
        ),
        (lambda text: base64.b64encode(base64.b64decode(text).replace(b"sha512", b"sha1xx")).decode(), "its hash is"),
        (lambda text: f" {text}", "base64"),
        (lambda text: "A" * 20_000, "more than"),
    ],
    ids=["cut", "longer", "magic", "version", "hash", "blank", "large"],
)
def test_a_malformed_signature_says_what_is_wrong(tmp_path: Path, change, why: str) -> None:  # type: ignore[no-untyped-def]
    text = signature(make_key(tmp_path / "key"), MESSAGE, SPACE).text
    with pytest.raises(WireError, match=why):
        parse(change(text))


@pytest.mark.parametrize("byte", range(256))
def test_a_name_has_visible_ascii_alone(byte: int) -> None:
    data = string(b"a" + bytes([byte]) + b"b")
    if 0x20 < byte < 0x7F:
        assert Reader(data).name() == f"a{chr(byte)}b"
    else:
        with pytest.raises(WireError):
            Reader(data).name()


def test_weak_and_old_keys_are_not_taken(tmp_path: Path) -> None:
    import subprocess

    key = tmp_path / "weak"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", key], check=True)
    with pytest.raises(WireError, match="1024 bits"):
        has_signed(signature(key, MESSAGE, SPACE), MESSAGE)


def _campaign(tmp_path: Path, count: int) -> None:
    chance = random.Random(22)  # noqa: S311 - the same each time
    originals = {kind: signed(make_key(tmp_path / kind, kind), MESSAGE, SPACE) for kind in KINDS}
    for number in range(count):
        original = originals[chance.choice([*KINDS])]
        text = dearmoured(original)[0]
        data = bytearray(base64.b64decode(text) if number % 2 else original)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    del data[at : at + chance.randint(1, 8)]
                case _:
                    data[at:at] = chance.randbytes(chance.randint(1, 8))
        try:
            texts = dearmoured(bytes(data)) if not number % 2 else (base64.b64encode(data).decode(),)
            taken = [one for one in texts if has_signed(parse(one), MESSAGE)]
        except WireError:
            continue
        assert all(one == text for one in taken), f"number {number}"


def test_no_mutated_signature_is_taken(tmp_path: Path) -> None:
    _campaign(tmp_path, 300)


@pytest.mark.long
def test_no_mutated_signature_is_taken_of_many(tmp_path: Path) -> None:
    _campaign(tmp_path, 10_000)
