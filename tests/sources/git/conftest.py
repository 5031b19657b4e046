"""Servers on loopback, web and git; some of them pass for others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reconciler.sources import addresses
from reconciler.sources.addresses import Resolver, Scope
from reconciler.sources.git_command import GitRules
from reconciler.sources.repository import Repository
from tests.sources.certificates import Authority
from tests.sources.git_servers import GitOverHttp, Origin, git_over_http
from tests.sources.http_server import HttpServer

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


def resolver(name: str) -> list[str]:
    """What the names of the tests lead to."""
    return NAMES[name]


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Makes ``public.test`` and ``other.test`` public, and ``private.test`` private. Each is an address of its own."""
    if sys.platform == "darwin":
        pytest.skip("127.0.0.2 and its like are on no interface here")
    scopes = {PUBLIC: Scope.PUBLIC, OTHER: Scope.PUBLIC, PRIVATE: Scope.PRIVATE}
    real = addresses.scope_of
    monkeypatch.setattr(addresses, "scope_of", lambda address: scopes.get(address) or real(address))
    return resolver


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


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "served" / "x")


@pytest.fixture
def served(tmp_path: Path, origin: Origin) -> Iterator[GitOverHttp]:
    with git_over_http(tmp_path / "served") as serving:
        yield serving


@pytest.fixture
def repository_at(tmp_path: Path) -> Callable[..., Repository]:
    """Makes a ``Repository`` for a url; the other arguments are its rules."""

    def make(url: str, **rules: Any) -> Repository:
        variables = rules.pop("variables", {"PATH": os.environ["PATH"]})
        return Repository(url, folder=tmp_path / "cache", rules=GitRules(variables=variables, **rules))

    return make


@pytest.fixture
def repository(served: GitOverHttp, repository_at: Callable[..., Repository]) -> Repository:
    """The repository ``origin``, by http."""
    return repository_at(served.url("x"))
