"""Keys that count no longer: a list of public keys or of their fingerprints, one a line. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.codes import FaultCode
from reconciler.errors import Fault, InputError
from reconciler.model.regex import regex
from reconciler.trust.signers import public_key, text_of
from reconciler.trust.wire import WireError, fingerprint

_KRL: Final = b"SSHKRL\n\x00"
FINGERPRINT: Final = regex(r"SHA256:[A-Za-z0-9+/]{43}")


def read_revoked(data: bytes, *, name: str) -> Mapping[str, int]:
    """The fingerprint of each key, and its line. ``InputError`` with every fault: half a list would let a key pass."""
    if data.startswith(_KRL):
        message = "a key revocation list (KRL) is not supported; write a list of public keys, one a line"
        raise InputError.at(message, file=name)
    found: dict[str, int] = {}
    faults: list[Fault] = []
    for number, text in enumerate(text_of(data, name=name).splitlines(), 1):
        words = text.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            found.setdefault(_named(words), number)
        except WireError as error:
            faults.append(Fault(message=str(error), code=FaultCode.INVALID_VALUE, file=name, line=number))
    if faults:
        raise InputError.of(faults, f"{name}: {len(faults)} lines cannot be used")
    return found


def _named(words: Sequence[str]) -> str:
    """The fingerprint in a line, or that of its key, however weak that is."""
    return words[0] if FINGERPRINT.fullmatch(words[0]) else fingerprint(public_key(words, least_bits=1))
