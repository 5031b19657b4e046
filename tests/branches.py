"""Print the branch coverage of every room: ``python -m tests.branches [--missing]``, and arguments of pytest.

With ``--missing`` also what did not run: ``7->9`` is a branch from line 7 to line 9, ``7->exit`` one that leaves the
function. Workers and the processes that tests start are counted too. Exit code: that of pytest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]


def main(arguments: list[str]) -> int:
    is_wanted = "--missing" in arguments
    arguments = [one for one in arguments if one != "--missing"]
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            **os.environ,
            "COVERAGE_FILE": f"{folder}/data",
            "COVERAGE_RCFILE": str(PROJECT / "pyproject.toml"),
        }

        def coverage(*words: str) -> int:
            command = [sys.executable, "-m", "coverage", *words]
            return subprocess.run(command, cwd=PROJECT, env=variables).returncode

        code = coverage("run", "-m", "pytest", *arguments)
        coverage("combine", "-q")
        coverage("json", "-q", "-o", f"{folder}/report.json")
        report = json.loads(Path(folder, "report.json").read_bytes())
    rooms = by_room(report["files"])
    for room, sums in [*sorted(rooms.items()), ("all", sum(rooms.values(), Counter[str]()))]:
        print(f"{room:12} {share(sums, 'branches')} of branches, {share(sums, 'lines')} of lines")
    for path, file in sorted(report["files"].items()) if is_wanted else ():
        if missing := [*map(branch, file["missing_branches"])]:
            print(f"{path}: {', '.join(missing)}")
    return code


def branch(ends: list[int]) -> str:
    """How coverage itself writes it: an end below zero is the end of a function."""
    return f"{ends[0]}->{ends[1] if ends[1] > 0 else 'exit'}"


def by_room(files: dict[str, Any]) -> dict[str, Counter[str]]:
    """Room → how many branches and lines there are, and how many of them ran."""
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for path, report in files.items():
        parts, summary = Path(path).parts, report["summary"]
        rooms[parts[1] if len(parts) > 2 else "(top)"].update(
            {
                "branches": summary["num_branches"],
                "branches run": summary["covered_branches"],
                "lines": summary["num_statements"],
                "lines run": summary["covered_lines"],
            }
        )
    return rooms


def share(sums: Counter[str], what: str) -> str:
    return f"{100 * sums[f'{what} run'] / max(1, sums[what]):5.1f} %"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
