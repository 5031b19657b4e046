"""One cold process at a time: how much processor time it took and how much memory it held at most."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmark import runner

_REPOSITORY: Final = Path(__file__).parents[2]
_PEAK_UNITS_PER_MIB: Final = 2**20 if sys.platform == "darwin" else 2**10
"""``ru_maxrss`` counts KiB, but bytes on macOS."""
_BLOCK_BYTES: Final = 512
"""What ``ru_oublock`` counts, on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took: processor time (user and system), resident memory at most, and bytes written (MB)."""

    seconds: float
    mib: float
    written: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A process to measure. ``prepare`` makes its world as it must be, and is not measured."""

    command: tuple[str, ...]
    cwd: Path
    prepare: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """The costs of a subject and of its floor, in pairs that ran one after the other."""

    subject: tuple[Cost, ...]
    floor: tuple[Cost, ...]

    def medians(self, figure: Callable[[Cost], float]) -> tuple[float, float]:
        """Of the subject and of the floor."""
        return statistics.median(map(figure, self.subject)), statistics.median(map(figure, self.floor))

    def ratio(self, figure: Callable[[Cost], float]) -> float:
        """The median of the ratios of each pair: what slows the machine for a while slows both."""
        pairs = zip(self.subject, self.floor, strict=True)
        return statistics.median(figure(subject) / figure(floor) for subject, floor in pairs)


def alternate(subject: Program, floor: Program, runs: int) -> Pairs:
    """Run both in turn, one warm-up each and ``runs`` times that count."""
    costs = [(_run(subject), _run(floor)) for _ in range(1 + runs)][1:]
    return Pairs(subject=tuple(pair[0] for pair in costs), floor=tuple(pair[1] for pair in costs))


def llamagate(*arguments: str) -> tuple[str, ...]:
    """The command line that starts this checkout's program."""
    return (sys.executable, "-m", "reconciler", *arguments)


def complete(command: Sequence[str], cwd: Path) -> None:
    """Run a process whose cost nobody asks for."""
    _run(Program(command=tuple(command), cwd=cwd))


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, all of its threads."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def _run(program: Program) -> Cost:
    program.prepare()
    command = [sys.executable, "-IS", str(runner.__file__), *program.command]
    ran = subprocess.run(
        command, cwd=program.cwd, env=environment(program.cwd), capture_output=True, text=True, check=True
    )
    code, seconds, peak, blocks = ran.stdout.split()
    if code != "0":
        raise RuntimeError(f"{' '.join(program.command)}: exit {code}\n{ran.stderr}")
    written = int(blocks) * _BLOCK_BYTES / 1e6
    return Cost(seconds=float(seconds), mib=int(peak) / _PEAK_UNITS_PER_MIB, written=written)


def environment(home: Path) -> Mapping[str, str]:
    """Nothing of the machine's own but the path to programs."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "PYTHONPATH": str(_REPOSITORY)}
