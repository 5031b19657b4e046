"""What one watched edit costs: processor time of a running watcher from a save until it rests again, and its memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from tests.benchmark import floor as floors
from tests.benchmark.data import Changing, World
from tests.benchmark.measure import Cost, cpu_seconds, environment, llamagate

_WARM_UP_EDITS: Final = 2
_EDITS: Final = 3
_PATIENCE_SECONDS: Final = 300
_POLL_SECONDS: Final = 0.05
_REST_SECONDS: Final = 3
"""A watcher that used no time for so long has nothing left to do."""
_RESTS_BELOW: Final = 0.02


@cache
def edits(world: World) -> tuple[Cost, float]:
    """What one edit costs, the median of some, with the memory after the last; and the memory before those."""
    save = Changing(world)
    with _watcher(world) as pid:
        for _ in range(_WARM_UP_EDITS):
            _saved(save, pid)
        before, seconds = _mib(pid), []
        for _ in range(_EDITS):
            start = cpu_seconds(pid)
            _saved(save, pid)
            seconds.append(cpu_seconds(pid) - start)
        return Cost(seconds=statistics.median(seconds), mib=_mib(pid)), before


def stat_seconds(world: World) -> float:
    """What one ``stat`` of every file costs."""
    start = time.process_time()
    floors.stat_all(os.fspath(world.home / "extensions" / "installed"))
    floors.stat_all(os.fspath(world.packages))
    return time.process_time() - start


def _saved(save: Changing, pid: int) -> None:
    """Save, and wait until the watcher has installed that and rests."""
    save()
    manifest = save.world.home / "extensions" / "installed" / "item-00000" / "manifest.yaml"
    end, used, since = time.monotonic() + _PATIENCE_SECONDS, cpu_seconds(pid), time.monotonic()
    while time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
        if (now := cpu_seconds(pid)) > used + _RESTS_BELOW:
            used, since = now, time.monotonic()
        rests = time.monotonic() - since > _REST_SECONDS
        if rests and f"marker: {save.number}\n" in manifest.read_text("utf-8"):
            return
    raise TimeoutError("the watcher did not install it")


def _mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return int(status.partition("VmRSS:")[2].split()[0]) / 2**10


@contextmanager
def _watcher(world: World) -> Iterator[int]:
    command = llamagate("watch", "-q", "--file", str(world.desired), "--home", str(world.home))
    with subprocess.Popen(command, cwd=world.root, env=environment(world.root)) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
