"""The host beside a bare Starlette app on the same server: processor time of the serving process for each request.

On a machine that serves nothing else, requests per second are its inverse.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmark import floor as floors
from tests.benchmark.data import World, small_packages
from tests.benchmark.measure import complete, cpu_seconds, environment, llamagate

_ITEMS: Final = 9
_ROUNDS: Final = 3
_REQUESTS: Final = 200
_STARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One kind of request."""

    method: str
    path: str
    body: bytes = b""


LIST: Final = Asked(method="GET", path="/v1/extensions")
ONE: Final = Asked(method="GET", path="/v1/extensions/item-00003")
EXECUTE: Final = Asked(
    method="POST", path="/v1/extensions/priority-rules/execute", body=b'{"summary": {"urgency_level": "high"}}'
)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs: its process, and a connection that is kept."""

    process: subprocess.Popen[str]
    connection: http.client.HTTPConnection

    def ask(self, asked: Asked) -> bytes:
        """The body of the answer, which must be one of 200."""
        self.connection.request(asked.method, asked.path, asked.body or None, {"Content-Type": "application/json"})
        with closing(self.connection.getresponse()) as answer:
            data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{asked.path}: {answer.status} {data[:200]!r}")
        return data

    def cost(self, asked: Asked) -> tuple[float, float]:
        """Seconds of processor time for each request, and how long the median one took."""
        self.connection.close()  # the server may have let it go; it opens again by itself
        self.ask(asked)
        before, waited = cpu_seconds(self.process.pid), []
        for _ in range(_REQUESTS):
            start = time.perf_counter()
            self.ask(asked)
            waited.append(time.perf_counter() - start)
        return (cpu_seconds(self.process.pid) - before) / _REQUESTS, median(waited)


@cache
def compared(folder: Path, asked: Asked) -> tuple[float, float, float]:
    """Seconds of the host and of the bare app for such a request, and the median wait of the host."""
    root = _world(folder)
    with _started(
        llamagate("serve", "--json", "--port", "0", "--home", str(root / "home"), "--rate-limit", "0"), root
    ) as host:
        document = root / "answer.json"
        document.write_bytes(host.ask(asked))
        bare = (sys.executable, str(floors.__file__), "serve", asked.method, asked.path, str(document))
        with _started(bare, root) as floor:
            floor.ask(asked)
            pairs = [(host.cost(asked), floor.cost(asked)) for _ in range(_ROUNDS)]
    return (
        median(one for (one, _), _ in pairs),
        median(other for _, (other, _) in pairs),
        median(wait for (_, wait), _ in pairs),
    )


def start_seconds(world: World) -> float:
    """What a host costs until it serves all of a world: processor time, the median of some starts."""
    command = llamagate("serve", "--json", "--port", "0", "--home", str(world.home))
    seconds = []
    for _ in range(_STARTS):
        with _started(command, world.root) as host:
            seconds.append(cpu_seconds(host.process.pid))
    return median(seconds)


def _world(folder: Path) -> Path:
    root = folder / "served"
    if not root.exists():
        world = small_packages(root, _ITEMS)
        rules = Path(__file__).parents[2] / "examples/extensions/priority-rules"
        with world.desired.open("a", encoding="utf-8") as out:
            out.write(f"  priority-rules: {rules}\n")
        complete(world.command("apply"), root)
    return root


@contextmanager
def _started(command: tuple[str, ...], folder: Path) -> Iterator[Served]:
    """A server that says ``{"url": …}`` in its first line once it listens."""
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            url = json.loads(process.stdout.readline() if process.stdout else "")["url"]
            address = url.removeprefix("http://")
            with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
                yield Served(process, connection)
        finally:
            process.terminate()
