"""``python -m tests.benchmark.bench [--quick]``: measure, and print a table. Exit code 1 where a bound is not met."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmark.rows import ROWS, Worlds

_RUNS: Final = 5
_RUNS_QUICK: Final = 3
_HEADS: Final = ("measured / floor", "subject", "floor", "ratio", "bound", "verdict")


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
    missed, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="llamagate-bench-") as folder:
        worlds = Worlds(Path(folder))
        for row in ROWS:
            if options.only in row.name:
                cells = row.cells(worlds, _RUNS_QUICK if options.quick else _RUNS)
                missed += cells[-1] == "missed"
                _write(cells)
    sys.stdout.write(
        f"\n{missed} missed, load {os.getloadavg()[0]:.1f}, {(time.monotonic() - began) / 60:.1f} minutes\n"
    )
    return 1 if missed else 0


def _write(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
