"""Change one thing of a room at a time, and see whether its tests notice: ``python -m tests.mutants planning``.

Everything happens in copies of the project, so that the real one is never damaged. A mutant that no test notices
survives, and is printed: it is a missing test, or code that makes no difference. Texts are left alone, because what
messages say is held by transcripts. Exit code 1 where one survived.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1]
COPIED: Final = ("reconciler", "tests", "schemas", "examples", "docs", "pyproject.toml")
SECONDS: Final = 300
"""What the tests of one mutant may take: one that runs for ever has been noticed."""
OPPOSITES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """``path`` is relative to the project."""

    path: str
    line: int
    change: str
    code: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.change}"


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    tree = ast.parse(text)
    for number, node in enumerate(ast.walk(tree)):
        for other in _others(node):
            changed = ast.unparse(_Swap(number, other).visit_all(copy.deepcopy(tree)))
            change = f"{_short(node)} → {_short(other)}"
            yield Mutant(path=path, line=getattr(node, "lineno", 0), change=change, code=changed)


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """What may replace ``node``."""
    match node:
        case ast.Compare(ops=[op]):
            yield ast.Compare(node.left, [OPPOSITES[type(op)]()], node.comparators)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.If() | ast.IfExp() if not isinstance(node.test, ast.Compare | ast.UnaryOp | ast.BoolOp):
            changed = copy.copy(node)
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield changed
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()


class _Swap(ast.NodeTransformer):
    """Put ``other`` in place of the node with this number, in the order of ``ast.walk``."""

    def __init__(self, number: int, other: ast.AST) -> None:
        self._number, self._other = number, other

    def visit_all(self, tree: ast.Module) -> ast.AST:
        self._target = next(node for at, node in enumerate(ast.walk(tree)) if at == self._number)
        return ast.fix_missing_locations(self.visit(tree))

    def visit(self, node: ast.AST) -> ast.AST:
        return self._other if node is self._target else self.generic_visit(node)


def _short(node: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]
    return text if len(text) <= 60 else f"{text[:57]}..."


def survives(mutant: Mutant, project: Path, tests: list[str]) -> bool:
    """Whether the tests in ``project``, a copy, pass although it has the mutant."""
    place = project / mutant.path
    before = place.read_text()
    place.write_text(mutant.code)
    try:
        return passes(project, tests)
    finally:
        place.write_text(before)


def passes(project: Path, tests: list[str]) -> bool:
    """Whether all ``tests`` pass in ``project``."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    variables = {**os.environ, "HYPOTHESIS_PROFILE": "quick"}
    try:
        return not subprocess.run(command, cwd=project, env=variables, capture_output=True, timeout=SECONDS).returncode
    except subprocess.TimeoutExpired:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("room", help="a folder or a file of reconciler/: planning, planning/verdict.py")
    parser.add_argument("--tests", nargs="+", help="the tests that should notice; without it tests/ROOM")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants, chosen by --seed; without it all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    room = PROJECT / "reconciler" / given.room
    files = [room] if room.is_file() else sorted(room.rglob("*.py"))
    tests = given.tests or [f"tests/{given.room.partition('/')[0]}"]
    found = [one for file in files for one in mutants(str(file.relative_to(PROJECT)), file.read_text())]
    chosen = random.Random(given.seed).sample(found, min(given.sample or len(found), len(found)))  # noqa: S311
    with tempfile.TemporaryDirectory() as base:
        return report(chosen, len(found), tests, [_copy(Path(base) / str(number)) for number in range(given.jobs)])


def report(chosen: list[Mutant], total: int, tests: list[str], projects: list[Path]) -> int:
    """Try ``chosen``, a copy of the project a job, and print those that survive."""
    if not passes(projects[0], tests):
        print(f"{' '.join(tests)}: they fail, or there are none, without any mutant")
        return 1
    free: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for project in projects:
        free.put(project)

    def attempt(mutant: Mutant) -> bool:
        project = free.get()
        try:
            return survives(mutant, project, tests)
        finally:
            free.put(project)

    with ThreadPoolExecutor(len(projects)) as pool:
        outcomes = list(zip(chosen, pool.map(attempt, chosen), strict=True))
    for mutant, is_alive in outcomes:
        if is_alive:
            print(f"survived: {mutant}")
    alive = sum(is_alive for _, is_alive in outcomes)
    print(f"{len(chosen)} of {total} mutants tried, {len(chosen) - alive} noticed, {alive} survived")
    return 1 if alive else 0


def _copy(place: Path) -> Path:
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, place / name)
    return place


if __name__ == "__main__":
    sys.exit(main())
