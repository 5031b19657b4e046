"""Which headers are passed on. ``docs/upstream.md`` has the table; every other one goes as it came. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Headers = list[tuple[bytes, bytes]]

_OF_CONNECTION: Final = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)
"""They speak of one connection, and end with it (RFC 9110, 7.6.1)."""
_NOT_ASKED: Final = _OF_CONNECTION | {b"host", b"expect"}
_OF_CALLERS: Final = frozenset([b"authorization", b"x-api-key"])
_NEVER_NAMED: Final = frozenset([b"content-length", b"host"])
"""``Connection: content-length`` would change where a body ends."""
_LENGTH: Final = b"content-length"
_CHUNKS: Final = b"transfer-encoding"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """``own`` is the key that this host checks, ``shown`` the one that the upstream is shown."""

    own: bytes | None = None
    shown: bytes | None = None

    def passed(self, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        """``headers`` without the keys that are meant for this host, and with the one for the upstream."""
        kept = [*headers]
        if self.own or self.shown:
            kept = [one for one in kept if one[0] not in _OF_CALLERS]
        if self.own:
            kept = [one for one in kept if one[0] == _LENGTH or self.own not in one[1]]  # some callers show it twice
        if self.shown:
            kept.append((b"authorization", b"Bearer " + self.shown))
        return kept


def asked_headers(
    headers: Sequence[tuple[bytes, bytes]], keys: KeyPolicy, authority: bytes, via: bytes, request_id: bytes
) -> Headers:
    """What the upstream is sent of a request's headers, whose names are in lower case."""
    dropped = _NOT_ASKED | _named(headers) | _second_length(headers)
    kept = keys.passed(one for one in headers if one[0] not in dropped)
    if any(name == _CHUNKS for name, _ in headers):
        kept.append((_CHUNKS, b"chunked"))
    if all(name != b"x-request-id" for name, _ in kept):
        kept.append((b"x-request-id", request_id))
    return [(b"host", authority), *kept, (b"via", via)]


def answered_headers(headers: Sequence[tuple[bytes, bytes]], request_id: bytes) -> Headers:
    """What a caller is sent of an answer's headers, in their own spelling."""
    lower = [(name.lower(), value) for name, value in headers]
    dropped = _OF_CONNECTION | _named(lower) | _second_length(lower)
    kept = [one for one, (name, _) in zip(headers, lower, strict=True) if name not in dropped]
    if all(name != b"x-request-id" for name, _ in lower):
        kept.append((b"x-request-id", request_id))
    return kept


def _second_length(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """Two lengths are read differently by different servers: beside chunks the other one ends (RFC 9112, 6.3)."""
    return frozenset([_LENGTH]) if any(name == _CHUNKS for name, _ in headers) else frozenset()


def _named(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """What ``Connection`` says of further headers that end with it."""
    lines = b",".join(value for name, value in headers if name == b"connection")
    return frozenset(name.strip().lower() for name in lines.split(b",")) - _NEVER_NAMED if lines else frozenset()
