"""``ssh-keygen`` and ``ssh-add``: sign with keys that people have, and look at signatures of FIDO keys."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, MissingProgramError
from reconciler.model.trust import armoured
from reconciler.trust.sshsig import Signature, dearmoured
from reconciler.trust.wire import WireError, fingerprint, from_base64

_SECONDS: Final = 120
"""How long a person may take to touch a key, or to type a passphrase."""
_VARIABLES: Final = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "LANG", "TZ")
AGENT: Final = "agent"


def has_signed(signature: Signature, message: bytes) -> bool:
    """Whether ``ssh-keygen`` takes ``signature`` for one of ``message``, by whatever key."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "signature")
        file.write_bytes(armoured(signature.text))
        words = ("-Y", "check-novalidate", "-n", signature.namespace, "-s", str(file))
        return _run(["ssh-keygen", *words], {}, given=message).returncode == 0


def sign(message: bytes, *, namespace: str, key: str, variables: Mapping[str, str]) -> str:
    """A signature of ``message``, in base64. ``key`` is the path of a key, private or public; or ``agent``.

    Of an agent with several keys, the public one has to be named. ``InputError`` says why nothing was signed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "key.pub")
        named = key
        if key == AGENT:
            file.write_text(_only_key(variables) + "\n")
            named = str(file)
        elif "PRIVATE KEY" in key:
            raise InputError("this is a private key itself; name its file with --key", code=ErrorCode.NOT_FOUND)
        elif not Path(key).expanduser().is_file():
            raise InputError(f"{key}: no such key; name a file, or 'agent'", code=ErrorCode.NOT_FOUND)
        else:
            named = str(Path(key).expanduser().absolute())
        words = ("ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", named)
        told = _run(words, variables, given=message)
    if told.returncode:
        said = told.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"{key}: ssh-keygen did not sign: {said[-1] if said else 'it said nothing'}")
    try:
        return dearmoured(told.stdout)[0]
    except WireError as error:
        raise InputError(f"{key}: ssh-keygen answered with no signature: {error}") from error


def _only_key(variables: Mapping[str, str]) -> str:
    told = _run(["ssh-add", "-L"], variables)
    keys = told.stdout.decode("utf-8", "replace").splitlines() if not told.returncode else []
    if len(keys) != 1:
        many = f"the agent has {len(keys)} keys" if keys else "no agent with a key answers"
        advice = "name the public key's file with --key, as in --key ~/.ssh/id_ed25519.pub"
        raise InputError(many, advice=advice, code=ErrorCode.NOT_FOUND)
    return keys[0]


def _run(
    words: Sequence[str], variables: Mapping[str, str], *, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    kept = {name: variables[name] for name in _VARIABLES if name in variables}
    if shutil.which(words[0], path=kept.get("PATH")) is None:
        raise MissingProgramError(f"{words[0]} is not installed", advice="install OpenSSH's client, 8.2 or newer")
    try:
        return subprocess.run(words, input=given, capture_output=True, timeout=_SECONDS, env=kept or None, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{words[0]} did not answer within {_SECONDS} seconds", advice="touch the key") from error
    except OSError as error:
        raise MissingProgramError(f"{words[0]} cannot be started: {error.strerror}") from error


def fingerprint_of(key: str) -> str:
    """The fingerprint of the key at the path ``key``, as far as its public part is in a file; else empty."""
    for path in (Path(f"{key}.pub").expanduser(), Path(key).expanduser()):
        try:
            return fingerprint(from_base64(path.read_text("utf-8").split()[1]))
        except (OSError, UnicodeError, IndexError, WireError):
            continue
    return ""
