"""``python -m tests.benchmark.latency [--saves N]``: how long after a save the watcher has installed it.

The debounce is taken off: it is waited on purpose. Beside it stands what a cold ``apply`` of the same change takes.
Exit code 1 where the watcher is slower than that.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.loop.schedule import QUIET_SECONDS
from tests.benchmark.data import World, small_packages
from tests.benchmark.measure import complete, llamagate

_ITEMS: Final = 100
_SAVES: Final = 50
_POLL_SECONDS: Final = 0.001
_PATIENCE_SECONDS: Final = 60
_QUIET_AGAIN_SECONDS: Final = 1.5
"""Until the look after the watcher's own change is over."""


@dataclass(slots=True)
class Subject:
    """A world whose one item is configured again with each save."""

    world: World
    number: int = 0

    def save(self) -> float:
        """Save the file with another configuration; the time."""
        self.number += 1
        text = self.world.desired.read_text("utf-8").partition("  item-00000:")[0]
        others = "".join(f"  item-{number:05}: ./packages/item-{number:05}.zip\n" for number in range(1, _ITEMS))
        item = f"  item-00000: {{source: ./packages/item-00000.zip, config: {{marker: {self.number}}}}}\n"
        new = self.world.root / "new"
        new.write_text(text + item + others, "utf-8")
        started = time.perf_counter()
        new.replace(self.world.desired)
        return started

    def is_installed(self) -> bool:
        manifest = self.world.home / "extensions" / "installed" / "item-00000" / "manifest.yaml"
        return f"marker: {self.number}\n" in manifest.read_text("utf-8")

    def wait(self) -> float:
        """Until it is installed; the time."""
        end = time.perf_counter() + _PATIENCE_SECONDS
        while not self.is_installed():
            if time.perf_counter() > end:
                raise TimeoutError("the watcher did not install it")
            time.sleep(_POLL_SECONDS)
        return time.perf_counter()

    def watched(self) -> float:
        """Seconds from a save to the installed change, without the debounce."""
        started = self.save()
        seconds = self.wait() - started - QUIET_SECONDS
        time.sleep(_QUIET_AGAIN_SECONDS)
        return seconds

    def applied(self) -> float:
        """Seconds that a cold ``apply`` of the same takes."""
        self.save()
        started = time.perf_counter()
        complete(self.world.command("apply"), self.world.root)
        return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.latency", description=__doc__)
    parser.add_argument("--saves", type=int, default=_SAVES)
    saves = parser.parse_args().saves
    with tempfile.TemporaryDirectory(prefix="llamagate-latency-") as folder:
        subject = Subject(small_packages(Path(folder) / "world", _ITEMS))
        complete(subject.world.command("apply"), subject.world.root)
        cold = _several(subject.applied, max(3, saves // 5))
        arguments = ("watch", "-q", "--file", str(subject.world.desired), "--home", str(subject.world.home))
        with closing(_Watcher(llamagate(*arguments), subject.world.root)):
            subject.watched()  # the first one waits for the watcher to start
            warm = _several(subject.watched, saves)
    sys.stdout.write(f"save to installed: median {warm[0]:.3f} s, 90th percentile {warm[1]:.3f} s, {saves} saves\n")
    sys.stdout.write(f"a cold apply of the same: median {cold[0]:.3f} s; ratio {warm[0] / cold[0]:.2f}, bound 1\n")
    return int(warm[0] > cold[0])


def _several(measure: Callable[[], float], count: int) -> tuple[float, float]:
    """Median and 90th percentile."""
    seconds = sorted(measure() for _ in range(count))
    return statistics.median(seconds), seconds[int(0.9 * (count - 1))]


class _Watcher:
    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._process = subprocess.Popen(command, cwd=folder, env=environment)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


if __name__ == "__main__":
    sys.exit(main())
