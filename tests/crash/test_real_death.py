"""Is the shim right? The same deaths under strace: it sees the same calls, and they leave what the shim's leave."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.crash.figures import FIGURES
from tests.crash.forks import PROJECT, environment
from tests.crash.sweeps import Sweep, verb_for
from tests.crash.worlds import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim reads /proc")

REAL_DEATHS: Final = 10
SOON: Final = (4, 9)
Points = list[tuple[str, int]]
"""System calls, each with its number among its like."""
_FAMILIES: Final = {
    **dict.fromkeys(("rename", "renameat", "renameat2", "replace", "exchange"), "rename"),
    **dict.fromkeys(("mkdir", "mkdirat"), "mkdir"),
    **dict.fromkeys(("link", "linkat"), "link"),
    **dict.fromkeys(("symlink", "symlinkat"), "symlink"),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), "remove"),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat"), "chmod"),
    **dict.fromkeys(("ftruncate", "truncate"), "truncate"),
    "utimensat": "utime",
    "fsync": "fsync",
    "syncfs": "syncfs",
}
"""System calls, and the names that the shim gives them, to what they do."""


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    with Sweep.of() as sweep:
        yield sweep


def test_the_shim_sees_all_that_strace_sees(sweep: Sweep, traced: Points) -> None:
    shown = [_FAMILIES[call.name] for call in sweep.calls if call.name not in ("open", "write")]
    assert [_FAMILIES[name] for name, _ in traced] == shown


@pytest.fixture(scope="module")
def traced(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Points:
    return _traced(sweep.world, tmp_path_factory.mktemp("traced") / "trace")


@pytest.mark.parametrize(
    "death", [death if death in SOON else pytest.param(death, marks=pytest.mark.long) for death in range(REAL_DEATHS)]
)
def test_real_death(sweep: Sweep, traced: Points, tmp_path: Path, death: int) -> None:
    name, number = traced[(2 * death + 1) * len(traced) // (2 * REAL_DEATHS)]
    sweep.world.reset()
    ended = _strace(sweep.world, tmp_path / "killed", name, "-e", f"inject={name}:signal=KILL:when={number}")
    assert ended.returncode in (-9, 137), ended.stderr
    FIGURES["deaths under strace"] += 1
    verb = verb_for(death)
    assert sweep.settle(verb).code == 0
    assert sweep.world.faults(*[sweep.world.after, sweep.world.before][: 1 if verb == "apply" else 2]) == []


def _traced(world: World, trace: Path) -> Points:
    """The system calls of the change that change something in the world, each with its number among its like."""
    world.reset()
    calls = ",".join(name for name in _FAMILIES if name not in ("replace", "exchange"))
    ended = _strace(world, trace, calls)
    assert ended.returncode == 0, ended.stderr
    seen: Counter[str] = Counter()
    found = []
    for line in trace.read_text().splitlines():
        name = re.split(r"[ (]", line.split(maxsplit=1)[1], maxsplit=1)[0]
        seen[name] += 1
        if str(world.base) in line:
            found.append((name, seen[name]))
    return found


def _strace(world: World, trace: Path, calls: str, *inject: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = [sys.executable, "-B", "-m", "reconciler", *world.apply]
    options = ["-f", "-qq", "-y", "-s", "4096", "-o", str(trace), "-e", f"trace={calls}", *inject]
    ended = subprocess.run(
        ["strace", *options, *command],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=PROJECT,
        env=environment(world.base.parent),
    )
    if "PTRACE" in ended.stderr:
        pytest.skip("tracing is not permitted here")
    return ended
