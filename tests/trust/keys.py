"""Keys and signatures that the real ``ssh-keygen`` makes."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from reconciler.trust.sshsig import Signature, dearmoured, parse

KINDS = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa-256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-521": ("-t", "ecdsa", "-b", "521"),
    "rsa": ("-t", "rsa", "-b", "2048"),
}


def make_key(path: Path, kind: str = "ed25519") -> Path:
    """The private key at ``path``; the public one is beside it. Keys of one name and kind are the same ones."""
    private, public = _made(path.name, kind)
    path.touch(0o600)
    path.write_bytes(private)
    path.with_name(f"{path.name}.pub").write_bytes(public)
    return path


@functools.cache
def _made(name: str, kind: str) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        words = ["ssh-keygen", "-q", *KINDS[kind], "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(words, check=True, capture_output=True)
        return path.read_bytes(), path.with_name(f"{name}.pub").read_bytes()


def public(key: Path) -> str:
    """Type and base64 of the public key."""
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


def signed(key: Path, message: bytes, namespace: str, *options: str) -> bytes:
    """The armoured signature of ``message``."""
    words = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, *options, "-f", str(key)]
    return subprocess.run(words, input=message, check=True, capture_output=True).stdout


def signature(key: Path, message: bytes, namespace: str, *options: str) -> Signature:
    return parse(dearmoured(signed(key, message, namespace, *options))[0])


def accepted_by_ssh_keygen(folder: Path, signers: str, name: str, namespace: str, message: bytes, sig: bytes) -> bool:
    """What the real program says, with ``signers`` as its file."""
    (folder / "signers").write_text(signers)
    (folder / "sig").write_bytes(sig)
    words = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        str(folder / "signers"),
        "-I",
        name,
        "-n",
        namespace,
        "-s",
        str(folder / "sig"),
    ]
    return subprocess.run(words, input=message, capture_output=True, check=False).returncode == 0
