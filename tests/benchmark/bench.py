"""``python -m tests.benchmark.bench [--quick]``: measure, and print a table. Exit code 1 where a bound is not met."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from tests.benchmark import floor as floors
from tests.benchmark.data import World, copied, empty, installed, large_package, new_package, small_packages
from tests.benchmark.measure import Cost, Pairs, Program, alternate, llamagate

_RUNS: Final = 5
_RUNS_QUICK: Final = 3
_MIB: Final = 2**20
_HEADS: Final = ("measured / floor", "subject", "floor", "ratio", "bound", "verdict")


@dataclass(frozen=True)
class Worlds:
    """All data, below ``folder``, each part made when it is first needed."""

    folder: Path

    @cached_property
    def nine(self) -> World:
        return installed(self.folder / "installed-9", 9)

    @cached_property
    def thousand(self) -> World:
        return installed(self.folder / "installed-1000", 1_000)

    @cached_property
    def five_thousand(self) -> World:
        return installed(self.folder / "installed-5000", 5_000)

    @cached_property
    def ten_thousand(self) -> World:
        return installed(self.folder / "installed-10000", 10_000)

    @cached_property
    def fresh(self) -> World:
        return small_packages(self.folder / "fresh-1000", 1_000)

    @cached_property
    def one_mib(self) -> World:
        return large_package(self.folder / "one-mib", _MIB)

    @cached_property
    def forty_mib(self) -> World:
        return large_package(self.folder / "forty-mib", 40 * _MIB)


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the two things that are measured, and how it is written."""

    of: Callable[[Cost], float]
    text: str


SECONDS: Final = Figure(lambda cost: cost.seconds, "{:.3f} s")
PEAK: Final = Figure(lambda cost: cost.mib, "{:.1f} MiB")


@dataclass(frozen=True, slots=True)
class Row:
    """The claim that ``figure`` of ``subject`` is at most ``bound`` times that of ``floor``."""

    name: str
    figure: Figure
    bound: float
    subject: Callable[[Worlds], Program]
    floor: Callable[[Worlds], Program]

    def cells(self, pairs: Pairs) -> tuple[str, ...]:
        """The line of the table."""
        medians = (self.figure.text.format(median) for median in pairs.medians(self.figure.of))
        ratio = pairs.ratio(self.figure.of)
        verdict = "met" if ratio <= self.bound else "missed"
        return (self.name, *medians, f"{ratio:.2f}", f"{self.bound:g}", verdict)


def _looking(world: World, verb: str) -> Program:
    return Program(command=world.command(verb), cwd=world.root)


def _applying(world: World) -> Program:
    return Program(command=world.command("apply"), cwd=world.root, prepare=world.empty_home)


def _importing(worlds: Worlds, world: World) -> Program:
    home, package = worlds.folder / "imported", new_package(worlds.folder)
    command = llamagate("import", str(package), "--home", str(home))
    return Program(command=command, cwd=worlds.folder, prepare=partial(copied, world.home, home))


def _version(worlds: Worlds) -> Program:
    return Program(command=llamagate("--version"), cwd=worlds.folder)


def _typer(worlds: Worlds) -> Program:
    return _floor("start", cwd=worlds.folder)


def _plan_floor(world: World) -> Program:
    return _floor("plan", world.desired, world.lock, world.home, world.packages, cwd=world.root)


def _unzip_floor(worlds: Worlds) -> Program:
    target = worlds.folder / "unzipped"
    return _floor("unzip", worlds.fresh.packages, target, cwd=worlds.folder, prepare=partial(empty, target))


def _floor(name: str, *arguments: Path, cwd: Path, prepare: Callable[[], None] = lambda: None) -> Program:
    return Program(command=(sys.executable, str(floors.__file__), name, *map(str, arguments)), cwd=cwd, prepare=prepare)


ROWS: Final = (
    Row("start of --version / a bare typer app", SECONDS, 1.1, _version, _typer),
    *(
        Row(
            f"start of {verb}, 9 items / a bare typer app",
            SECONDS,
            bound,
            partial(lambda verb, on: _looking(on.nine, verb), verb),
            _typer,
        )
        for verb, bound in {"list": 1.4, "plan": 1.6, "status": 2.1, "apply": 2.1}.items()
    ),
    Row(
        "plan, no-op, 1,000 items / load and stat",
        SECONDS,
        0.8,
        lambda on: _looking(on.thousand, "plan"),
        lambda on: _plan_floor(on.thousand),
    ),
    Row(
        "plan, no-op, 10,000 items / load and stat",
        SECONDS,
        0.6,
        lambda on: _looking(on.ten_thousand, "plan"),
        lambda on: _plan_floor(on.ten_thousand),
    ),
    Row("import of one zip, 9 items / a bare typer app", SECONDS, 2.1, lambda on: _importing(on, on.nine), _typer),
    Row(
        "import of one zip, 1,000 items / 9",
        SECONDS,
        1.1,
        lambda on: _importing(on, on.thousand),
        lambda on: _importing(on, on.nine),
    ),
    Row("apply, 1,000 zips / hash, unzip, sync", SECONDS, 1.0, lambda on: _applying(on.fresh), _unzip_floor),
    Row("peak memory of that apply / --version", PEAK, 3, lambda on: _applying(on.fresh), _version),
    Row(
        "peak memory of apply, one package, 40 MiB / 1 MiB",
        PEAK,
        1.1,
        lambda on: _applying(on.forty_mib),
        lambda on: _applying(on.one_mib),
    ),
    *(
        Row(
            f"{verb}, 5,000 items / 1,000",
            SECONDS,
            6,
            partial(lambda verb, on: _looking(on.five_thousand, verb), verb),
            partial(lambda verb, on: _looking(on.thousand, verb), verb),
        )
        for verb in ("status", "sync", "verify")
    ),
)


def main() -> int:
    """Measure every row, or those whose name holds the text of ``--only``."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{_RUNS_QUICK} counted runs instead of {_RUNS}")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the rows whose name holds TEXT")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    sys.stdout.write(f"{machine}, Python {platform.python_version()}\n\n")
    _write(_HEADS)
    _write(["---"] * len(_HEADS))
    missed = 0
    with tempfile.TemporaryDirectory(prefix="llamagate-bench-") as folder:
        worlds = Worlds(Path(folder))
        for row in ROWS:
            if options.only in row.name:
                runs = _RUNS_QUICK if options.quick else _RUNS
                cells = row.cells(alternate(row.subject(worlds), row.floor(worlds), runs))
                missed += cells[-1] == "missed"
                _write(cells)
    return 1 if missed else 0


def _write(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
