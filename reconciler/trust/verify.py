"""Whether a key has signed a message. ``cryptography`` is loaded when the first signature is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.errors import MissingProgramError
from reconciler.trust.sshsig import Signature
from reconciler.trust.wire import Reader, WireError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

LEAST_RSA_BITS: Final = 2048
MOST_RSA_BITS: Final = 16_384
"""As OpenSSH. A larger one would take long to verify, and so would a large exponent."""
_EXPONENT_BITS: Final = 64
_ED25519: Final = "ssh-ed25519"
_RSA: Final = "ssh-rsa"
_CURVES: Final = {"nistp256": 256, "nistp384": 384, "nistp521": 521}
_ECDSA: Final = tuple(f"ecdsa-sha2-{curve}" for curve in _CURVES)
FIDO: Final = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
KEY_TYPES: Final = (_ED25519, *_ECDSA, _RSA, *FIDO)
"""The types of keys that are taken."""
_RSA_ALGORITHMS: Final = ("rsa-sha2-256", "rsa-sha2-512")


def has_signed(signature: Signature, message: bytes) -> bool:
    """Whether the key in ``signature`` signed ``message``. ``WireError`` where it is of a kind that is not taken.

    ``MissingProgramError`` where the package or the program is missing that looks at it.
    """
    check_algorithm(signature.kind, signature.algorithm)
    if signature.kind in FIDO:
        from reconciler.trust import tool  # it starts a program, which takes time to load

        return tool.has_signed(signature, message)
    try:
        return _has_signed(signature, signature.signed(message))
    except ImportError as error:
        message_ = "signatures need the package 'cryptography', which is not installed"
        raise MissingProgramError(message_, advice="install it: pip install 'llamagate[trust]'") from error


def check_algorithm(kind: str, algorithm: str) -> None:
    """``WireError`` where keys of this kind are not taken, or make no signatures of this algorithm."""
    if kind not in KEY_TYPES:
        raise WireError(f"its key is of the type {kind}; use one of {', '.join(KEY_TYPES)}")
    if algorithm not in (_RSA_ALGORITHMS if kind == _RSA else (kind,)):
        raise WireError(f"its algorithm is {algorithm}, and its key is of the type {kind}")


def check_public(public: bytes, *, least_bits: int = LEAST_RSA_BITS) -> None:
    """``WireError`` where a public key is malformed, or is not taken; an RSA key also with less than ``least_bits``."""
    reader = Reader(public)
    kind = reader.name()
    if kind not in KEY_TYPES:
        raise WireError(f"keys of the type {kind} are not supported; use one of {', '.join(KEY_TYPES)}")
    if kind == _RSA:
        exponent, bits = reader.positive(), reader.positive().bit_length()
        if not least_bits <= bits <= MOST_RSA_BITS or exponent.bit_length() > _EXPONENT_BITS:
            raise WireError(f"this RSA key has {bits} bits; use one of {least_bits} to {MOST_RSA_BITS}")
    else:
        for _ in range(1 if kind == _ED25519 else 2):
            reader.string()
        if kind == FIDO[1]:
            reader.string()
    reader.end()


def _has_signed(signature: Signature, signed: bytes) -> bool:
    check_public(signature.public)
    if signature.kind == _ED25519:
        return _by_ed25519(signature, signed)
    return _by_rsa(signature, signed) if signature.kind == _RSA else _by_ecdsa(signature, signed)


def _by_ed25519(signature: Signature, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    reader = Reader(signature.public)
    reader.name()
    try:
        Ed25519PublicKey.from_public_bytes(reader.string()).verify(signature.value, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _by_ecdsa(signature: Signature, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    reader = Reader(signature.public)
    reader.name()
    name = reader.name()
    if signature.kind != f"ecdsa-sha2-{name}":
        raise WireError("its key is of another curve than it says")
    choices: dict[str, tuple[ec.EllipticCurve, HashAlgorithm]] = {
        "nistp256": (ec.SECP256R1(), hashes.SHA256()),
        "nistp384": (ec.SECP384R1(), hashes.SHA384()),
        "nistp521": (ec.SECP521R1(), hashes.SHA512()),
    }
    curve, digest = choices[name]
    numbers = Reader(signature.value)
    r, s = numbers.positive(), numbers.positive()
    numbers.end()
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, reader.string())
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))
    except (InvalidSignature, ValueError):
        return False
    return True


def _by_rsa(signature: Signature, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    reader = Reader(signature.public)
    reader.name()
    e, n = reader.positive(), reader.positive()
    digest = hashes.SHA256() if signature.algorithm == _RSA_ALGORITHMS[0] else hashes.SHA512()
    try:
        RSAPublicNumbers(e, n).public_key().verify(signature.value, signed, PKCS1v15(), digest)
    except (InvalidSignature, ValueError):
        return False
    return True
