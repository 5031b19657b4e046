"""The pages of the documentation, and what tests take from them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.conftest import PROJECT

DOCS: Final = PROJECT / "docs"
TIMEOUT_SECONDS: Final = 120

_SHELL_BLOCK: Final = re.compile(r"^<!-- (?P<name>[a-z ]+) -->\n```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE_CELL: Final = re.compile(r"(?<!\\)\|")


def page(name: str) -> str:
    """The text of a page of ``docs``."""
    return (DOCS / name).read_text("utf-8")


def shell_blocks(text: str) -> list[tuple[str, str]]:
    """The blocks of shell commands, each with the name that the comment before it gives."""
    return [(match["name"], match["code"]) for match in _SHELL_BLOCK.finditer(text)]


def chapter(text: str, title: str) -> str:
    """What stands below the heading ``title`` and above the next one of the same level."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no chapter '{title}'"
    return found[2]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of the tables in ``text``, heads included."""
    for line in text.splitlines():
        if line.startswith("| "):
            yield [cell.strip().replace(r"\|", "|") for cell in _TABLE_CELL.split(line)[1:-1]]


def command_in(folder: Path) -> None:
    """Put a ``.venv/bin/llamagate`` there, as the README's first command leaves it."""
    command = folder / ".venv" / "bin" / "llamagate"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    command.chmod(0o755)


def run_blocks(codes: list[str], folder: Path, variables: dict[str, str] | None = None) -> list[str]:
    """What each block prints, all of them run in one shell that ends at the first error."""
    steps = "\n".join(f"echo '== {number}'\n{code}" for number, code in enumerate(codes))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(PROJECT), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.split(r"^== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
