"""Where a host is, and whether a transfer may go there.

An address is looked up once, judged, and then connected to as it was judged: a name that leads elsewhere when it is
asked again (DNS rebinding) gains nothing by it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import RefusedError, UnreachableError
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.proxy import ProxyServer

_NAT64: Final = IPv6Network("64:ff9b::/96")
_AZURE_PLATFORM: Final = IPv4Address("168.63.129.16")
"""Serves a machine its own secrets, from what looks like a public address."""


class Scope(Enum):
    """From where an address can be reached."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    RESERVED = "reserved"
    """Link-local, where clouds keep their metadata; unspecified, multicast, and what else is no host of a network."""


class HostAddresses(Struct, frozen=True):
    """All addresses of a host. ``scopes`` are theirs.

    Where a ``proxy`` leads there, only it knows the addresses of a name, which counts as public.
    """

    host: str
    addresses: tuple[str, ...]
    scopes: frozenset[Scope]
    proxy: ProxyServer | None = None

    @property
    def is_loopback(self) -> bool:
        return self.scopes == {Scope.LOOPBACK}

    def check_written(self, private_hosts: frozenset[str]) -> None:
        """``RefusedError`` where a file may not send us here.

        It may name private hosts and this machine, but not a name that is public and private at once: a public name
        that somebody points into a private network looks like that.
        """
        if self._is_allowed(private_hosts):
            return
        if Scope.RESERVED in self.scopes:
            raise self._refused("leads to a reserved address")
        if Scope.PUBLIC in self.scopes and len(self.scopes) > 1:
            raise self._refused("leads to public and private addresses")

    def check_redirect(self, private_hosts: frozenset[str]) -> None:
        """``RefusedError`` where another server may not send us here: it must be public."""
        if not self._is_allowed(private_hosts) and self.scopes != {Scope.PUBLIC}:
            raise self._refused("does not lead to public addresses only")

    def _is_allowed(self, private_hosts: frozenset[str]) -> bool:
        return self.host.rstrip(".") in private_hosts

    def _refused(self, what: str) -> RefusedError:
        found = "" if self.addresses == (self.host,) else f" ({', '.join(self.addresses)})"
        advice = f"if that is meant, list {self.host} in policy.sources.private_hosts"
        return RefusedError(f"the host {self.host} {what}{found}", advice=advice, code=ErrorCode.INSECURE)


def system_addresses(name: str) -> list[str]:
    """What this machine's own resolver knows of ``name``, the address to try first in front; else ``OSError``."""
    return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


def look_up(host: str, deadline: Deadline) -> HostAddresses:
    """Where ``host`` is. ``UnreachableError`` where nobody knows, or not in time."""
    addresses = tuple(dict.fromkeys(_addresses(host, deadline)))
    if not addresses:
        raise UnreachableError(f"the host {host} has no address")
    return HostAddresses(host, addresses, frozenset(scope_of(address) for address in addresses))


def behind(proxy: ProxyServer, host: str) -> HostAddresses:
    """Where ``host`` is for a proxy: a literal address is judged as ever, and a name is not looked up here."""
    if address := _written_address(host):
        return HostAddresses(host, (address,), frozenset([scope_of(address)]), proxy)
    return HostAddresses(host, (), frozenset([Scope.PUBLIC]), proxy)


def _written_address(host: str) -> str:
    """The address that ``host`` is, also as ``2130706433``, ``0x7f.1`` or with a dot behind; empty where it is a name.

    A proxy looks at it as this machine's resolver would.
    """
    host = host.rstrip(".")
    if _is_address(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return ""


def _addresses(host: str, deadline: Deadline) -> Iterable[str]:
    if _is_address(host):
        return [host]
    # A resolver cannot be told when to give up, so it works in a thread that may be left behind.
    answer: Future[list[str]] = Future()
    threading.Thread(target=_resolve, args=(answer, host), daemon=True).start()
    try:
        return answer.result(deadline.left())
    except TimeoutError:
        raise deadline.missed() from None
    except OSError as error:
        failure = UnreachableError(f"the host {host} was not found: {error.strerror or error}")
        raise failure if error.errno == socket.EAI_AGAIN else failure.for_long() from error


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _resolve(answer: Future[list[str]], host: str) -> None:
    try:
        answer.set_result(system_addresses(host))
    except BaseException as error:  # it is raised again where the answer is taken
        answer.set_exception(error)


def scope_of(address: str) -> Scope:
    """The scope of an address; of the IPv4 address in it, where it is a form of one."""
    ip = _embedded(ip_address(address.partition("%")[0]))
    if ip.is_loopback:
        return Scope.LOOPBACK
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved or ip == _AZURE_PLATFORM:
        return Scope.RESERVED
    return Scope.PUBLIC if ip.is_global and not (ip.version == 6 and ip.is_site_local) else Scope.PRIVATE


def _embedded(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
