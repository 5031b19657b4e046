"""Signatures as ``ssh-keygen -Y`` makes them (OpenSSH's PROTOCOL.sshsig). Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cached_property
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex
from reconciler.model.trust import ARMOUR_BEGIN, ARMOUR_END
from reconciler.trust.wire import Reader, WireError, fingerprint, from_base64, string

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_BLOCK: Final = regex(rf"{ARMOUR_BEGIN}\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+){ARMOUR_END}", re.ASCII)
_HASHES: Final = ("sha256", "sha512")
_MOST_BYTES: Final = 8 * 2**10
MOST_SIGNATURES: Final = 16
"""Of one package or index that are looked at."""


class Signature(Struct, frozen=True, kw_only=True, dict=True):
    """``public`` is the key as the protocol writes it; ``algorithm`` and ``value`` are of the signature itself."""

    public: bytes
    namespace: str
    reserved: bytes
    hash: str
    algorithm: str
    value: bytes
    text: str
    """All of it in base64, without armour."""

    @cached_property
    def key(self) -> str:
        """The fingerprint of its key."""
        return fingerprint(self.public)

    @cached_property
    def kind(self) -> str:
        """The type of its key."""
        return Reader(self.public).name()

    def signed(self, message: bytes) -> bytes:
        """What the key has signed, where ``message`` was signed."""
        digest = hashlib.new(self.hash, message).digest()
        fields = (self.namespace.encode(), self.reserved, self.hash.encode(), digest)
        return _MAGIC + b"".join(map(string, fields))


def parse(text: str) -> Signature:
    """The signature that ``text`` is in base64. ``WireError`` says what is wrong with it."""
    data = from_base64(text)
    if len(data) > _MOST_BYTES:
        raise WireError(f"it has more than {_MOST_BYTES} bytes")
    reader = Reader(data)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise WireError("it does not begin with SSHSIG")
    if (version := reader.number()) != _VERSION:
        raise WireError(f"it is of version {version} of SSHSIG, and {_VERSION} is known")
    public, namespace, reserved, digest = reader.string(), reader.name(), reader.string(), reader.name()
    inner = Reader(reader.string())
    reader.end()
    algorithm, value = inner.name(), inner.string()
    if algorithm.startswith("sk-"):  # flags and counter follow
        value += inner.take(5)
    inner.end()
    if digest not in _HASHES:
        raise WireError(f"its hash is {digest}; use one of {', '.join(_HASHES)}")
    if not namespace:
        raise WireError("it has no namespace")
    found = Signature(
        public=public,
        namespace=namespace,
        reserved=reserved,
        hash=digest,
        algorithm=algorithm,
        value=value,
        text=text,
    )
    found.kind  # noqa: B018 - a key without a type is no key
    return found


def dearmoured(data: bytes) -> tuple[str, ...]:
    """The signatures in a ``.sig`` file, in base64: one block after the other. ``WireError`` where there is none."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise WireError("it has other characters than ASCII") from error
    found = _BLOCK.findall(text)
    if not found or _BLOCK.sub("", text).strip():
        raise WireError(f"expected '{ARMOUR_BEGIN}' and nothing besides signatures")
    if len(found) > MOST_SIGNATURES:
        raise WireError(f"it has more than {MOST_SIGNATURES} signatures")
    return tuple("".join(block.split()) for block in found)


def encoded(*, public: bytes, namespace: str, digest: str, algorithm: str, value: bytes) -> str:
    """The signature of these parts, in base64."""
    inner = string(algorithm.encode()) + string(value)
    head = _MAGIC + _VERSION.to_bytes(4)
    fields = (public, namespace.encode(), b"", digest.encode(), inner)
    return base64.b64encode(head + b"".join(map(string, fields))).decode()
