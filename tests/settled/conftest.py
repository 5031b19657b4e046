"""What the worlds of all tests here begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.settled.upstream import Upstream
from tests.sources.http_server import HttpServer


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with HttpServer() as server:
        yield Upstream(tmp_path_factory.mktemp("upstream"), server)
