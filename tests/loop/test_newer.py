"""A watcher that asks for newer versions: a source that does not answer keeps nothing else waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.shell import Session
from tests.loop.loops import Driven, driven

_PATIENCE_SECONDS = 30


class _Gated(SimpleHTTPRequestHandler):
    """Answers once the gate is open."""

    gate = threading.Event()

    def do_GET(self) -> None:
        assert self.gate.wait(_PATIENCE_SECONDS)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Gated, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        _Gated.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def watcher(session: Session) -> Iterator[Driven]:
    """It watches a file with one item of a catalog, which has a newer version by now."""
    session.package("foo")
    build = ("catalog", "build", session.project / "packages")
    session.llamagate(*build)
    _Gated.gate.set()
    with served(session.project / "packages") as url:
        session.desired(f"extensions: {{foo: {{source: {{catalog: '{url}'}}}}}}\n")
        session.llamagate("apply")
        session.package("foo", version="1.1.0")
        session.llamagate(*build)
        with driven(session) as found:
            found.loop.options = replace(found.loop.options, outdated=3600)
            yield found


def answered(watcher: Driven) -> int | None:
    """How many items have a newer version, once the thread that asks has ended."""
    for thread in threading.enumerate():
        if thread.name == "newer versions":
            thread.join(_PATIENCE_SECONDS)
    watcher.wait(1)
    newer = watcher.loop.watched.newer
    return newer.items if newer else None


def test_the_loop_goes_on_while_a_source_is_asked(session: Session, watcher: Driven) -> None:
    _Gated.gate.clear()
    watcher.wait(0)
    assert (watcher.attempts, watcher.loop.watched.newer) == (1, None)
    session.installed("foo", "manifest.yaml").unlink()
    watcher.trigger()
    assert watcher.attempts == 2
    assert session.installed("foo", "manifest.yaml").exists()
    _Gated.gate.set()
    assert answered(watcher) == 1


def test_a_source_that_fails_leaves_the_last_answer(session: Session, watcher: Driven) -> None:
    watcher.wait(0)
    assert answered(watcher) == 1
    (session.project / "packages" / "index.json").unlink()
    watcher.wait(7200)
    assert answered(watcher) == 1
