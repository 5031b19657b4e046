"""The process that tries: ``python -m tests.hostile.trial KIND SEED FIRST COUNT [FOLDER]``.

Standard output has reports, a line of JSON behind ``=`` each; the file ``at`` in the folder has the number of the case
at hand. Nothing is caught but what the program may raise: whatever else comes out of a case is a finding.
"""

from __future__ import annotations

import importlib
import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, cast

from tests.hostile.campaign import MAX_MIB, MAX_SECONDS

KINDS: Final = {"zip": "trial_zip", "yaml": "trial_yaml", "document": "trial_document", "teeth": "trial_teeth"}
_HANGS_SECONDS: Final = 60
_REPORT_EVERY: Final = 1000
_KIB_IN_MIB: Final = 1024 if sys.platform != "darwin" else 1024 * 1024


class Trial(Protocol):
    """What a module of ``KINDS`` has: ``start`` gives the function that runs one case and tells its outcome."""

    def start(self, folder: Path) -> Callable[[random.Random], str]: ...


def run(kind: str, seed: int, first: int, count: int, folder: Path) -> None:
    """Run the cases and print what came out of them."""
    trial = cast(Trial, importlib.import_module(f"tests.hostile.{KINDS[kind]}")).start(folder)
    outcomes: Counter[str] = Counter()
    done, longest = 0, 0.0
    with (folder / "at").open("w", buffering=1) as at:
        for number in range(first, first + count):
            at.seek(0)
            at.write(f"{number}\n")
            signal.alarm(_HANGS_SECONDS)
            start = time.process_time()
            finding = ""
            try:
                outcomes[trial(random.Random(f"{kind} {seed} {number}"))] += 1  # noqa: S311 - to be drawn again
            except Exception:
                finding = traceback.format_exc()
            seconds = time.process_time() - start
            done, longest = done + 1, max(longest, seconds)
            finding = finding or _excess(seconds)
            if finding or done == _REPORT_EVERY or number == first + count - 1:
                _report(number, done, outcomes, longest, finding)
                outcomes.clear()
                done, longest = 0, 0.0


def _excess(seconds: float) -> str:
    if seconds > MAX_SECONDS:
        return f"it took {seconds:.1f} s"
    return f"it took {_peak_mib()} MiB" if _peak_mib() > MAX_MIB else ""


def _peak_mib() -> int:
    """Of this process. Where ``/proc`` does not tell, that of the process which started it may be counted too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _KIB_IN_MIB


def _report(at: int, cases: int, outcomes: Counter[str], seconds: float, finding: str) -> None:
    report: dict[str, object] = {"at": at, "cases": cases, "outcomes": outcomes, "seconds": seconds, "mib": _peak_mib()}
    if finding:
        report["finding"] = finding
    sys.__stdout__.write("=" + json.dumps(report) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    kind, seed, first, count, *rest = sys.argv[1:]
    run(kind, int(seed), int(first), int(count), Path(rest[0]) if rest else Path(tempfile.mkdtemp()))
