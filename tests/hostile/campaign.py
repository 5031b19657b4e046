"""Many trials of one kind, in processes of their own: one that dies of a signal, or hangs, is a finding like another.

Every case is drawn from the kind, a seed and its number alone, so that each can be run again by itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
MAX_SECONDS: Final = 5
MAX_MIB: Final = 256
_CASES_A_PROCESS: Final = 2_500
_MAX_FINDINGS: Final = 20
"""After so many, going on would only repeat them."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came out of a campaign. ``seconds`` and ``mib`` are the most that one case took, in processor time and in
    the memory of its whole process; ``findings`` say what must not be, and how to see it again."""

    kind: str
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    mib: int = 0
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return (
            f"{self.kind}: {self.cases:,} cases ({outcomes}); at most {self.seconds:.2f} s and {self.mib} MiB; "
            f"{len(self.findings)} findings"
        )


def campaign(kind: str, *, folder: Path, count: int, seed: int = 0, first: int = 0) -> Tally:
    """Run ``count`` cases, from number ``first`` on, below the empty ``folder``."""
    tally = Tally(kind=kind)
    number = first
    while number < first + count and len(tally.findings) < _MAX_FINDINGS:
        number = _run(tally, folder, seed, number, min(_CASES_A_PROCESS, first + count - number))
    return tally


def _run(tally: Tally, folder: Path, seed: int, number: int, count: int) -> int:
    """One process, to its end or to its death; the number of the next case."""
    place = folder / str(number)
    place.mkdir()
    command = [sys.executable, "-B", "-m", "tests.hostile.trial", tally.kind, str(seed), str(number), str(count)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8"}
    with (place / "log").open("wb") as log:
        ended = subprocess.run([*command, str(place)], env=environment, cwd=PROJECT, stdout=log, stderr=log)
    lines = (place / "log").read_text(errors="replace").splitlines()
    reports = [json.loads(line.removeprefix("=")) for line in lines if line.startswith("=")]
    for report in reports:
        _add(tally, seed, report)
    at = int((place / "at").read_text() or number) if (place / "at").exists() else number
    if ended.returncode:
        tally.findings.append(_finding(tally.kind, seed, at, _death(ended.returncode, lines)))
    return at + 1


def _add(tally: Tally, seed: int, report: dict[str, object]) -> None:
    tally.cases += int(str(report["cases"]))
    tally.outcomes.update(dict(report["outcomes"]))  # type: ignore[call-overload]
    tally.seconds = max(tally.seconds, float(str(report["seconds"])))
    tally.mib = max(tally.mib, int(str(report["mib"])))
    if "finding" in report:
        tally.findings.append(_finding(tally.kind, seed, int(str(report["at"])), str(report["finding"])))


def _death(code: int, lines: list[str]) -> str:
    name = f"it died of {signal.Signals(-code).name}" if code < 0 else f"it ended with {code}"
    return f"{name}: {' | '.join(lines[-3:])}"


def _finding(kind: str, seed: int, number: int, what: str) -> str:
    return f"{what}\nagain: python -m tests.hostile.trial {kind} {seed} {number} 1"
