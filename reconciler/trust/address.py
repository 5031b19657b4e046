"""One spelling for each address, so that a rule for its beginning cannot be passed by with another one. Pure."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import Final

from reconciler.model.regex import regex

_URL: Final = regex(r"([a-z][a-z0-9+.-]*)://([^/\\?#]*)([^?#]*)", re.IGNORECASE)
_SHORT: Final = regex(r"(?:[^/\\@:]+@)?([^/\\@:]+):(?!//)")
"""``git@host:path``, with or without somebody's name."""
_UNCLEAR: Final = regex(r"(?:^|[/\\:])(?:\.|%2e){1,2}(?:[/\\]|$)|\\|%2f|%5c|[\x00-\x20\x7f]", re.IGNORECASE)
_ESCAPE: Final = regex(r"%([0-9a-f]{2})", re.IGNORECASE)
_UNRESERVED: Final = regex(r"[A-Za-z0-9._~-]")
_PORTS: Final = {"http": ":80", "https": ":443", "oci": ":443", "ssh": ":22", "git": ":9418"}


@lru_cache(maxsize=4096)
def plain(address: str) -> str:
    """Without what makes no difference: case of the host, its usual port, a user, escapes, ``//`` and ``..``."""
    if short := _SHORT.match(address):
        return plain(f"ssh://{short[1]}/{address[short.end() :]}")
    match = _URL.match(address)
    if match is None:
        return posixpath.normpath(address)
    scheme = match[1].lower()
    host = match[2].rpartition("@")[2].lower().removesuffix(_PORTS.get(scheme, ":")).rstrip(":.")
    path = _ESCAPE.sub(_unescaped, match[3]).replace("\\", "/").lstrip("/")
    return f"{scheme}://{host}{posixpath.normpath(f'/{path}').rstrip('/')}{address[match.end() :]}"


def is_unclear(address: str) -> bool:
    """Whether it leads elsewhere than its text says, such as with ``..``; a path of this machine does not."""
    if match := _URL.match(address):
        return bool(_UNCLEAR.search(match[3]))
    match = _SHORT.match(address)
    return bool(match and _UNCLEAR.search(address, match.end() - 1))


def is_below(address: str, prefix: str) -> bool:
    """Whether one plain address is another one, or below it, part by part of its path."""
    prefix = prefix.rstrip("/")
    return address == prefix or address.startswith((f"{prefix}/", f"{prefix}?", f"{prefix}#"))


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()
