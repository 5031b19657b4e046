"""Servers on loopback, some of which pass for others."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from unittest.mock import patch

import pytest

from reconciler.sources.web import addresses, deadline
from reconciler.sources.web.addresses import Scope
from tests.sources.certificates import Authority
from tests.sources.http_server import Behaviour, Exchange, HttpServer
from tests.support.fixtures import session

__all__ = ["session"]

PUBLIC, OTHER, PRIVATE = "127.0.0.2", "127.0.0.3", "127.0.0.4"
"""Addresses of loopback that pass for public and private ones with ``internet``."""

NAMES = {
    "public.test": [PUBLIC],
    "other.test": [OTHER],
    "private.test": [PRIVATE],
    "mixed.test": [PUBLIC, PRIVATE],
    "localhost.test": ["127.0.0.1"],
    "2130706433": ["127.0.0.1"],
    "nowhere.test": [],
}


def resolved_by(resolver: Callable[[str], list[str]]) -> AbstractContextManager[object]:
    """While it lasts, names lead to what ``resolver`` says."""
    return patch.object(addresses, "system_addresses", resolver)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes ``public.test`` and ``other.test`` public, and ``private.test`` private. Each is an address of its own."""
    if sys.platform == "darwin":
        pytest.skip("127.0.0.2 and its like are on no interface here")
    scopes = {PUBLIC: Scope.PUBLIC, OTHER: Scope.PUBLIC, PRIVATE: Scope.PRIVATE}
    real = addresses.scope_of
    monkeypatch.setattr(addresses, "scope_of", lambda address: scopes.get(address) or real(address))
    with resolved_by(NAMES.__getitem__):
        yield


class Clock:
    """The clock of deadlines: the real one, and what a test adds to it."""

    def __init__(self) -> None:
        self._added = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._added

    def late(self, start: bytes, again: bytes = b"x") -> Behaviour:
        """``start``; then an hour passes; then ``again`` for ever."""

        def behave(exchange: Exchange) -> None:
            exchange.send(start)
            self._added += 3600
            exchange.send_forever(again, pause=0.02)

        return behave


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Deadlines by a clock that can be put forward, so that no test depends on how fast the machine is."""
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


Serving = Callable[..., HttpServer]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Starts servers, with the arguments of ``HttpServer``, that end with the test."""
    with ExitStack() as servers:
        yield lambda *args, **kwargs: servers.enter_context(HttpServer(*args, **kwargs))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority
