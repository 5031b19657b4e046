"""What host tests start from: a session, a model, and a host that serves what the session has installed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpcore2
import pytest

from tests.cli.shell import Session
from tests.host.model_server import ModelServer
from tests.host.served import Host, Stage, hosting, settings_for
from tests.support.fixtures import session

__all__ = ["session"]

Serve = Callable[..., Host]


@pytest.fixture
def model() -> Iterator[ModelServer]:
    server = ModelServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The server that all hosts share."""
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Every client reads all certificates of the system when it is made; here the first one does it for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", functools.cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture
def serve(session: Session, model: ModelServer, stage: Stage) -> Iterator[Serve]:
    """Start a host on what is there by now; options are those of ``settings_for`` and ``hosting``."""
    with ExitStack() as hosts:

        def begin(*, migrates: bool = False, local_only: bool = False, **options: Any) -> Host:
            settings = settings_for(session, model.url, **options)
            return hosts.enter_context(hosting(stage, settings, migrates=migrates, local_only=local_only))

        yield begin
