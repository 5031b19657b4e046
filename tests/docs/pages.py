"""The pages of the documentation, and what tests take from them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.conftest import PROJECT
from tests.support import prepared

DOCS: Final = PROJECT / "docs"
TIMEOUT_SECONDS: Final = 120

_MARK: Final = "\x1e"
"""Printed before each block."""
_SHELL_BLOCK: Final = re.compile(r"^<!-- (?P<name>[a-z ]+) -->\n```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_TEXT_BLOCK: Final = re.compile(r"^```text\n(?P<shown>.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE_CELL: Final = re.compile(r"(?<!\\)\|")


def page(name: str) -> str:
    """The text of a page of ``docs``."""
    return (DOCS / name).read_text("utf-8")


def shell_blocks(text: str) -> list[tuple[str, str]]:
    """The blocks of shell commands, each with the name that the comment before it gives."""
    return [(match["name"], match["code"]) for match in _SHELL_BLOCK.finditer(text)]


def shown_lines(text: str) -> list[tuple[str, list[str]]]:
    """The name of each shell block, and the lines that the page shows of what it prints."""
    blocks = list(_SHELL_BLOCK.finditer(text))
    ends = [block.start() for block in blocks[1:]] + [len(text)]
    return [
        (block["name"], [line for shown in _TEXT_BLOCK.findall(text[block.end() : end]) for line in shown.splitlines()])
        for block, end in zip(blocks, ends, strict=True)
    ]


def is_printed(line: str, output: str) -> bool:
    """Whether ``line`` is one of those in ``output``; ``…`` in it stands for anything, trailing blanks for nothing."""
    pattern = ".*".join(re.escape(part) for part in line.rstrip().split("…"))
    return re.search(rf"^{pattern} *$", output, re.MULTILINE) is not None


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


def command_in(folder: Path, *, fresh: bool = False) -> None:
    """Put a ``.venv/bin/llamagate`` there, as the README's first command leaves it; a ``fresh`` one starts Python."""
    command = folder / ".venv" / "bin" / "llamagate"
    command.parent.mkdir(parents=True)
    started = f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n'
    command.write_text(started if fresh else prepared.relayed() or started)
    command.chmod(0o755)


def run_blocks(
    codes: list[str],
    folder: Path,
    variables: dict[str, str] | None = None,
    *,
    inside: Sequence[str] = (),
    seconds: int = TIMEOUT_SECONDS,
) -> list[str]:
    """What each block prints, all of them run in one shell that ends at the first error.

    ``inside`` is the command that starts the shell, where it is not one of this machine.
    """
    steps = "".join(f"printf '{_MARK}'\n{code}" for code in codes)
    done = subprocess.run(
        [*inside, "bash", "-euo", "pipefail", "-c", steps],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(PROJECT), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(_MARK)[1:]
