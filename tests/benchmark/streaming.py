"""A chat stream of 1,000 chunks through the host, beside a bare streaming proxy on the same server."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmark import floor as floors
from tests.benchmark.measure import cpu_seconds, environment, llamagate

CHUNKS: Final = 1_000
_ROUNDS: Final = 5
_ASKED: Final = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "p"}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What one stream cost the process between: processor time, the wait for the first chunk, and memory afterwards."""

    seconds: float
    wait: float
    mib: float


@cache
def compared(folder: Path) -> tuple[Streamed, Streamed, Streamed]:
    """The medians of the host and of the bare proxy, and the host after twenty more streams."""
    root = folder / "streamed"
    root.mkdir()
    with ExitStack() as stack:
        upstream = stack.enter_context(_started(_floor("upstream", str(CHUNKS)), root))[1]
        serve = ("serve", "--json", "--port", "0", "--home", str(root / "home"), "--rate-limit", "0")
        host = stack.enter_context(_started(llamagate(*serve, "--upstream", upstream), root))
        bare = stack.enter_context(_started(_floor("relay", upstream), root))
        for one in (host, bare):
            _stream(*one)
        pairs = [(_stream(*host), _stream(*bare)) for _ in range(_ROUNDS)]
        long = [_stream(*host) for _ in range(20)][-1]
    return _medians([one for one, _ in pairs]), _medians([other for _, other in pairs]), long


def _medians(all_: list[Streamed]) -> Streamed:
    def middle(figure: Callable[[Streamed], float]) -> float:
        return median(map(figure, all_))

    return Streamed(seconds=middle(lambda o: o.seconds), wait=middle(lambda o: o.wait), mib=middle(lambda o: o.mib))


def _stream(process: subprocess.Popen[str], url: str) -> Streamed:
    before = cpu_seconds(process.pid)
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    start = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", _ASKED, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    first = answer.read1(1)
    wait = time.perf_counter() - start
    whole = first + answer.read()
    connection.close()
    if whole.count(b"data: ") < CHUNKS:
        raise RuntimeError(f"the stream ended after {len(whole)} bytes")
    return Streamed(seconds=cpu_seconds(process.pid) - before, wait=wait, mib=_resident(process.pid))


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 2**10


def _floor(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(floors.__file__), *arguments)


@contextmanager
def _started(command: tuple[str, ...], folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that says ``{"url": …}`` in its first line once it listens."""
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process, json.loads(process.stdout.readline() if process.stdout else "")["url"]
        finally:
            process.terminate()
