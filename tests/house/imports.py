"""Imports of our own modules inside functions, counted: ``python -m tests.house.imports`` writes the list again.

A reason in the list stays. That of a new import is the comment behind it, or behind the one above it.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from tests.conftest import PROJECT

LIST: Final = Path(__file__).with_name("function_imports.toml")
_OF_A_VERB: Final = "a verb loads only what it needs"
_OF_OURS: Final = re.compile(r"\s+from reconciler\b")
"""What such an import looks like: most files have none, and need not be parsed."""
_HEAD: Final = """\
# Every import of our own modules inside a function: file, module, and why it is not at the top of the file.
# 'python -m tests.house.imports' writes this list again.
"""

Listed: TypeAlias = dict[str, dict[str, str]]
"""File → module → reason."""


def found() -> Listed:
    """What the code has now; the reasons are its comments."""
    result: Listed = {}
    for path in sorted((PROJECT / "reconciler").rglob("*.py")):
        reason = _OF_A_VERB if path.is_relative_to(PROJECT / "reconciler" / "cli") else ""
        lines = path.read_text().splitlines()
        if not any(_OF_OURS.match(line) for line in lines):
            continue
        for line, module in _inside_functions(ast.parse("\n".join(lines))):
            code, mark, comment = lines[line - 1].partition("# ")
            reason = comment if mark and code.strip() else reason
            result.setdefault(path.relative_to(PROJECT).as_posix(), {})[module] = reason
    return result


def _inside_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("reconciler"):
                yield from ((node.lineno, _module(node.module, alias.name)) for alias in node.names)


def _module(package: str, name: str) -> str:
    """The module that ``from package import name`` loads."""
    place = PROJECT.joinpath(*package.split("."))
    is_module = (place / f"{name}.py").exists() or (place / name / "__init__.py").exists()
    return f"{package}.{name}" if is_module else package


def listed() -> Listed:
    """What the list has."""
    return tomllib.loads(LIST.read_text())


def written(imports: Listed) -> str:
    """The text of the list."""
    lines = []
    for file, names in imports.items():
        lines.append(f"\n[{json.dumps(file)}]")
        lines += [f"{json.dumps(name)} = {json.dumps(why)}" for name, why in names.items()]
    return _HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Write the list again."""
    before = listed() if LIST.exists() else {}
    now = {
        file: {name: before.get(file, {}).get(name) or why for name, why in names.items()}
        for file, names in found().items()
    }
    LIST.write_text(written(now))
    print(f"{sum(map(len, now.values()))} imports in functions, in {len(now)} files")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
