"""The strings of the SSH protocol (RFC 4251). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache
from typing import Final

from reconciler.model.regex import regex

_LENGTH: Final = 4
_NAME: Final = regex(rb"[!-~]*")


class WireError(ValueError):
    """Bytes that are not what the protocol says. The message is for people."""


class Reader:
    """Takes one field after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise WireError("it is cut off")
        found = self._data[self._at : end]
        self._at = end
        return found

    def number(self) -> int:
        return int.from_bytes(self.take(_LENGTH))

    def string(self) -> bytes:
        return self.take(self.number())

    def name(self) -> str:
        """A string of ASCII that people can read."""
        found = self.string()
        if not _NAME.fullmatch(found):
            raise WireError("a name in it has other characters than ASCII")
        return found.decode("ascii")

    def positive(self) -> int:
        """A multiple-precision number that is not negative, in its shortest form."""
        found = self.string()
        if not found or found[0] & 0x80 or (len(found) > 1 and found[0] == 0 and not found[1] & 0x80):
            raise WireError("a number in it is not in its shortest form")
        return int.from_bytes(found)

    def end(self) -> None:
        if self._at != len(self._data):
            raise WireError("something follows its end")


def string(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH) + data


def from_base64(text: str) -> bytes:
    """Strictly: the only spelling of these bytes. ``WireError`` for others."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("it is not valid base64") from error
    if base64.b64encode(data).decode() != text:
        raise WireError("it is not valid base64")
    return data


@lru_cache(maxsize=1024)
def fingerprint(key: bytes) -> str:
    """As ``ssh-keygen -l`` prints it: ``SHA256:…``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
