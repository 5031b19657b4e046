"""What host tests start from: a session, a model, and a host that serves what the session has installed."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, Final

import httpcore2
import pytest

from reconciler.host import workers
from tests.cli.shell import Session
from tests.host.model_server import ModelServer
from tests.host.served import Host, Stage, hosting, settings_for
from tests.support.fixtures import session
from tests.support.prepared import relayed, started

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


_WORKER: Final = "import os; os.setsid(); from reconciler.host.worker import main; main()"


@pytest.fixture(scope="session", autouse=True)
def prepared_workers() -> Iterator[None]:
    """The workers of the hosts in this process are copies of one that has loaded the program.

    Those of hosts that are processes are started as ever.
    """
    if not relayed():  # which also makes it ready: the loop of a host would wait for that
        yield
        return

    def start(_command: Sequence[str], *, pass_fds: Sequence[int], **_: object) -> subprocess.Popen[str]:
        [number] = pass_fds
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-B", "-c", _WORKER, "0"]
        return started(command, {"PATH": os.environ["PATH"]}, fresh=False, cwd="/", stdin=number, **quiet)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "subprocess", SimpleNamespace(Popen=start, DEVNULL=subprocess.DEVNULL))
        yield


@pytest.fixture
def serve(session: Session, model: ModelServer, stage: Stage) -> Iterator[Serve]:
    """Start a host on what is there by now; options are those of ``settings_for`` and ``hosting``."""
    with ExitStack() as hosts:

        def begin(*, migrates: bool = False, local_only: bool = False, **options: Any) -> Host:
            settings = settings_for(session, model.url, **options)
            return hosts.enter_context(hosting(stage, settings, migrates=migrates, local_only=local_only))

        yield begin
