"""From where an address can be reached, and who may lead there."""

from __future__ import annotations

import socket

import pytest

from reconciler.errors import RefusedError
from reconciler.sources.web.addresses import HostAddresses, Scope, look_up, scope_of, system_addresses
from reconciler.sources.web.deadline import Deadline
from tests.sources.conftest import resolved_by

PUBLIC = [
    "1.1.1.1",
    "93.184.215.14",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::101:101",
    "::ffff:1.1.1.1",
]
PRIVATE = [
    "10.0.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "100.100.100.200",
    "192.0.2.1",
    "198.18.0.1",
    "fd00:ec2::254",
    "fc00::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
RESERVED = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "169.254.169.254",
    "168.63.129.16",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "::127.0.0.1",
]


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        *((address, Scope.PUBLIC) for address in PUBLIC),
        *((address, Scope.PRIVATE) for address in PRIVATE),
        *((address, Scope.LOOPBACK) for address in LOOPBACK),
        *((address, Scope.RESERVED) for address in RESERVED),
    ],
)
def test_the_scope_of_an_address(address: str, scope: Scope) -> None:
    assert scope_of(address) is scope


def may_lead_there(place: HostAddresses, private_hosts: frozenset[str] = frozenset()) -> tuple[bool, bool]:
    """Whether a file may, and whether a redirect may."""

    def passes(redirected: bool) -> bool:
        try:
            place.check_redirect(private_hosts) if redirected else place.check_written(private_hosts)
        except RefusedError:
            return False
        return True

    return passes(False), passes(True)


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        pytest.param(["1.1.1.1"], (True, True), id="public"),
        pytest.param(["1.1.1.1", "2606:4700::1111"], (True, True), id="public, two"),
        pytest.param(["10.0.0.1"], (True, False), id="private"),
        pytest.param(["127.0.0.1", "::1"], (True, False), id="loopback"),
        pytest.param(["127.0.1.1", "10.0.0.1"], (True, False), id="loopback and private"),
        pytest.param(["1.1.1.1", "10.0.0.1"], (False, False), id="public and private"),
        pytest.param(["::1", "1.1.1.1"], (False, False), id="public and loopback"),
        pytest.param(["169.254.169.254"], (False, False), id="metadata"),
        pytest.param(["10.0.0.1", "0.0.0.0"], (False, False), id="private and unspecified"),  # noqa: S104
    ],
)
def test_who_may_lead_there(addresses: list[str], allowed: tuple[bool, bool]) -> None:
    with resolved_by(lambda _name: addresses):
        place = look_up("host.test", Deadline.after(60))
    assert place.addresses == tuple(addresses)
    assert may_lead_there(place) == allowed
    assert may_lead_there(place, frozenset(["host.test"])) == (True, True)
    assert may_lead_there(place, frozenset(["test", "other.test"])) == allowed


def test_an_address_is_not_looked_up() -> None:
    with resolved_by(pytest.fail):
        place = look_up("10.0.0.1", Deadline.after(60))
    assert place.addresses == ("10.0.0.1",)


def test_one_address_for_all_its_forms() -> None:
    with resolved_by(lambda _name: ["1.1.1.1", "1.1.1.1"]):
        place = look_up("host.test", Deadline.after(60))
    assert place.addresses == ("1.1.1.1",)


def test_a_dot_at_the_end_makes_no_other_host() -> None:
    with resolved_by(lambda _name: ["10.0.0.1"]):
        place = look_up("host.test.", Deadline.after(60))
    assert may_lead_there(place, frozenset(["host.test"])) == (True, True)


def test_what_the_machine_knows() -> None:
    known = {str(found[4][0]) for found in socket.getaddrinfo("localhost", None)}
    assert set(system_addresses("localhost")) == known
    assert all(scope_of(address) is Scope.LOOPBACK for address in known)
