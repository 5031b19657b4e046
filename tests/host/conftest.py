"""What host tests start from: a session, a model, and a host that serves what the session has installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Session
from tests.host.model_server import ModelServer
from tests.host.served import Host, hosting, settings_for

Serve = Callable[..., Host]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    server = ModelServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def serve(session: Session, model: ModelServer) -> Iterator[Serve]:
    """Start a host on what is there by now; options are those of ``settings_for`` and ``hosting``."""
    with ExitStack() as hosts:

        def begin(*, migrates: bool = False, local_only: bool = False, **options: Any) -> Host:
            settings = settings_for(session, model.url, **options)
            return hosts.enter_context(hosting(settings, migrates=migrates, local_only=local_only))

        yield begin
