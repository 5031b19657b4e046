"""Servers that the host asks: their addresses, and the keys that they are shown. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import InputError

MAX_SECONDS: Final = 86_400


def server_address(url: str, *, option: str, variable: str) -> SplitResult:
    """The parts of an address that ``option`` names. ``InputError`` where it is none, or holds a key.

    ``variable`` is where its key belongs.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InputError(f"{option} must be an http or https address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(f"{option} must hold no key and no query; a key is given in {variable}")
    return parts


def without_v1(url: str) -> str:
    """An address that may end with ``/v1``, which the paths of requests begin with."""
    return url.rstrip("/").removesuffix("/v1")


def is_header_text(key: str) -> bool:
    """Whether ``key`` can be sent, or shown, in a header as it is. Libraries name what they refuse, secrets too."""
    return key.isascii() and key.isprintable() and key == key.strip()
