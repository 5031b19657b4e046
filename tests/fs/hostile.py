"""A hostile system for tests: failing calls, an ordinary user, small and layered disks. Skips where there is none."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NOBODY = 65534
_USER = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def python(code: str, *arguments: object) -> list[str]:
    """The command that runs ``code`` with this interpreter and project."""
    start = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from pathlib import Path\n"
    return [sys.executable, "-B", "-c", start + code, *map(str, arguments)]


def traced(trace: Path, code: str, *arguments: object, calls: str, inject: str = "") -> str:
    """Run ``code`` under strace, with the fault ``inject``; return what it printed. ``trace`` gets the ``calls``.

    They are those of ``code`` alone: where coverage is counted, this process writes no figures at its end.
    """
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    faults = ["-e", f"inject={inject}"] if inject else []
    strace = ["strace", "-f", "-qq", "-y", "-o", str(trace), "-e", f"trace={calls}", *faults]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [*strace, *python(code, *arguments)]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30)
    if "PTRACE" in result.stderr:
        pytest.skip("tracing is not permitted here")
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def as_ordinary_user(folder: Path, code: str) -> str:
    """Run ``code`` in ``folder`` without root's rights; return what it printed."""
    command = [*ordinary_user(folder), *python(code)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def ordinary_user(folder: Path) -> list[str]:
    """What runs a command without root's rights, by a user who owns all of ``folder``. Skips where that cannot be."""
    if os.geteuid() != 0:
        return []
    for place in (folder, *folder.rglob("*")):
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    if not _can_run():
        pytest.skip("an ordinary user cannot run this interpreter here")
    return [*_USER]


@functools.cache
def _can_run() -> bool:
    try:
        subprocess.run([*_USER, *python("import reconciler.fs.tree")], cwd="/", capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def names(folder: Path) -> list[str]:
    """What lies in ``folder``, sorted."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def mounted(kind: str, options: str, folder: Path) -> Iterator[Path]:
    """``folder`` with a new file system in it."""
    folder.mkdir(exist_ok=True)
    try:
        subprocess.run(["mount", "-t", kind, "-o", options, kind, str(folder)], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"mounting {kind} is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
