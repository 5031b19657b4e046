"""Hosts that really listen on loopback, on one server, and clients that really call them."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.host.engine.run import RunLimits
from reconciler.host.model_client import ModelServer as ModelAddress
from reconciler.host.runtime import Runtime
from reconciler.host.server import Address, listen, make_server, url_of
from reconciler.host.settings import HostSettings
from reconciler.host.startup import start
from reconciler.host.web.app import make_app
from reconciler.model.environment import Environment
from tests.cli.shell import Session
from tests.support.packages import write_files

SECONDS = 30.0
SOCKETS = 4
"""How many hosts a test may have at once."""


@dataclass
class Host:
    """``told`` is what it said when it was started."""

    runtime: Runtime
    client: httpx2.Client
    told: list[str]

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.client.get(path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx2.Response:
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, **options)

    @contextmanager
    def unanswered(self, path: str, body: object) -> Iterator[None]:
        """A request whose caller goes away at the end of the block, before there is an answer."""
        data = json.dumps(body).encode()
        url = self.client.base_url
        with socket.create_connection((url.host, url.port or 80), timeout=SECONDS) as caller:
            caller.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode())
            caller.sendall(data)
            yield
            assert select.select([caller], [], [], 0)[0] == [], "it was answered"

    def put(self, path: str, content: bytes | str, **options: Any) -> httpx2.Response:
        return self.client.put(path, content=content, **options)

    def run(self, name: str, given: object, status: int = 200) -> Any:
        """What ``execute`` gives: the data, or the error's message."""
        answer = self.post(f"/v1/extensions/{name}/execute", given)
        assert answer.status_code == status, answer.text
        return answer.json()["data"] if status == 200 else answer.json()["error"]["message"]

    def run_module(self, name: str, given: object, status: int = 200) -> Any:
        """The run record of a module."""
        answer = self.post(f"/v1/agentic-modules/{name}/execute", given)
        assert answer.status_code == status, answer.text
        return answer.json()["data" if status == 200 else "run_record"]

    def refresh(self) -> Any:
        return self.post("/v1/extensions/refresh").json()

    def hooks_done(self) -> None:
        """Wait until hooks have written what they were told of: they do so beside the answers."""
        until = time.monotonic() + SECONDS
        while self.runtime.beside._tasks:
            assert time.monotonic() < until
            time.sleep(0.005)

    @property
    def names(self) -> list[str]:
        return [row["name"] for row in self.get("/v1/extensions").json()["extensions"]]


def environment(session: Session) -> Environment:
    """What the command would be started with."""
    return Environment(
        home=session.home,
        is_own_home=False,
        variables=session.environment,
        now=datetime.now(UTC),
        command="llamagate serve",
    )


def settings_for(session: Session, model_url: str = "http://127.0.0.1:9", **options: Any) -> HostSettings:
    """Settings of a test's host: no rate limit, a model that answers within seconds, and time for hooks."""
    seconds = options.pop("model_seconds", SECONDS)
    key = options.pop("model_key", None)
    return replace(
        HostSettings(
            env=environment(session),
            file=session.project / "llamagate.yaml",
            rate=0,
            model=ModelAddress(url=model_url, api_key=key, seconds=seconds),
            limits=RunLimits(hook=SECONDS),  # on a busy machine a worker may take long to start
        ),
        **options,
    )


class Stage:
    """One server for all hosts of a run, in a thread of its own: each host has one of its sockets while it is served.

    Starting and ending a server takes longer than most tests. What a host does at its own end is tested with processes.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._listeners = [listen(Address(host="127.0.0.1", port=0)) for _ in range(SOCKETS)]
        self._free = list(self._listeners)
        self._apps: dict[int, ASGIApp] = {}
        self._under_way: Counter[int] = Counter()
        self._server = make_server(self)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._server.serve(sockets=self._listeners))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        port = scope["server"][1]
        self._under_way[port] += 1
        try:
            await self._apps[port](scope, receive, send)
        finally:
            self._under_way[port] -= 1

    @contextmanager
    def hosting(self, runtime: Runtime, *, local_only: bool) -> Iterator[str]:
        """Serve ``runtime``, which has started; at which URL. At the end it is closed, as a server closes it."""
        listener = self._free.pop()
        port = listener.getsockname()[1]
        self._apps[port] = make_app(runtime, local_only=local_only)
        try:
            yield url_of(listener)
        finally:
            asyncio.run_coroutine_threadsafe(self._end(runtime, port), self.loop).result(SECONDS)
            self._free.append(listener)

    async def _end(self, runtime: Runtime, port: int) -> None:
        while self._under_way[port]:
            await asyncio.sleep(0.005)
        await runtime.close()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=SECONDS)
        for listener in self._listeners:
            listener.close()


@contextmanager
def hosting(
    stage: Stage, settings: HostSettings, *, migrates: bool = False, local_only: bool = False
) -> Iterator[Host]:
    """A host with these settings, started and serving."""
    told: list[str] = []
    runtime = Runtime(settings, tell=told.append)
    start(runtime, migrates=migrates)
    with (
        stage.hosting(runtime, local_only=local_only) as url,
        httpx2.Client(base_url=url, trust_env=False, timeout=SECONDS) as client,
    ):
        yield Host(runtime, client, told)


def extension(text: str, *, name: str = "foo", kind: str = "workflow", version: str = "1.0.0") -> str:
    """A manifest in the gateway dialect; ``text`` holds what follows its head."""
    return f"name: {name}\nversion: {version}\ndescription: A test\ntype: {kind}\n{text}"


def put_on_disk(session: Session, name: str, **files: str) -> Path:
    """An item that lies in the home without our doing; ``__`` in a name stands for a dot, ``___`` for a slash."""
    folder = session.home / "extensions" / "installed" / name
    write(folder, files)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    """Write ``files``, whose names spell a dot and a slash as ``put_on_disk`` says."""
    write_files(folder, {path.replace("___", "/").replace("__", "."): content for path, content in files.items()})
