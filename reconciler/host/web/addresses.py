"""Addresses of callers and names of this host. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

Networks = tuple[IPv4Network | IPv6Network, ...]
Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case, and values."""

_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]+)", re.IGNORECASE)


def networks(texts: Iterable[str]) -> Networks:
    """Addresses and networks, ``10.0.0.0/8`` for one. ``ValueError`` for what is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts)


def is_in(address: str, trusted: Networks) -> bool:
    """Whether ``address`` is in one of the networks."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in trusted)


def caller(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """The address of a caller. ``forwarded`` are the lines of X-Forwarded-For: only what a trusted proxy adds counts.

    The last address that is not a trusted proxy's is the one that such a proxy saw.
    """
    address = plain(peer)
    for text in reversed(",".join(forwarded).split(",")):
        seen = plain(text.strip())
        if address is None or seen is None or not is_in(address, trusted):
            break
        address = seen
    return address or "unknown"


def plain(text: str) -> str | None:
    """An address in its one form, without a zone or a port; ``None`` where it is none."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def counted_as(address: str) -> str:
    """What a limit for ``address`` is kept for: of IPv6 the network of 64 bits, which one caller has to himself."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def in_origin_form(target: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """A target that names the host, as proxies are asked, means what follows the host, which counts as ``Host``."""
    found = _ABSOLUTE.match(target)
    if found is None:
        return target, headers
    rest = target[found.end() :]
    others = [(name, value) for name, value in headers if name != b"host"]
    return rest if rest.startswith(b"/") else b"/" + rest, [(b"host", found[1].lower()), *others]


def is_own(name: str, allowed: frozenset[str], *, or_any_address: bool = False) -> bool:
    """Whether a ``Host``, or an origin, given as ``//NAME:PORT`` or ``SCHEME://NAME:PORT``, means this host."""
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if "@" in parts.netloc:
        return False
    if host == "localhost" or host in allowed:
        return True
    try:
        return ip_address(host).is_loopback or or_any_address
    except ValueError:
        return False
