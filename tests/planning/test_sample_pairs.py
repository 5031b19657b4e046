"""Each line of a diff is a line of one of the two packages, for every pair of packages that people published."""

from __future__ import annotations

import hashlib
from itertools import permutations
from pathlib import Path
from typing import Any, Final, cast

import pytest

from reconciler.cli.ui.diff import Detail, DiffLines
from reconciler.cli.ui.diff_line import Level
from reconciler.documents.unseen import NO_NEWLINE, visible
from reconciler.model.config import JsonObject
from reconciler.planning.content.file_change import FileSide, file_change
from tests.cli.shell import SAMPLES
from tests.conftest import PROJECT

_EXAMPLES: Final = PROJECT / "examples"
_FOLDERS: Final = (SAMPLES, _EXAMPLES / "extensions", _EXAMPLES / "modules")
PACKAGES: Final = sorted(package for folder in _FOLDERS if folder.is_dir() for package in folder.iterdir())


def files(package: Path) -> dict[str, bytes]:
    return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*") if path.is_file()}


def side(data: bytes | None) -> FileSide | None:
    return None if data is None else FileSide(sha256=hashlib.sha256(data).hexdigest(), data=data)


def lines(data: bytes | None) -> set[str]:
    """As a diff shows them: the last one says where it has no line feed."""
    *found, last = (data or b"").decode().split("\n")
    return {visible(line).text for line in [*found, *([last + NO_NEWLINE] if last else [])]}


def check(change: JsonObject, before: bytes | None, after: bytes | None) -> None:
    sides = {"-": [before], "+": [after], " ": [before, after]}
    for hunk in cast(list[dict[str, Any]], change["hunks"]):
        for row in hunk["rows"]:
            assert all(row["text"] in lines(data) for data in sides.get(row["sign"], [])), row
    shown = [line for line in DiffLines(Detail.FULL).of({"files": [change]}) if line.level is Level.TEXT]
    for line in shown:
        if line.sign != "~":
            assert line.text in lines(before) | lines(after)
            assert "".join(line.text[start:end] for start, end, _ in line.pieces()) == line.text


USUAL: Final = 3
"""The packages beside each of which all others are laid; the rest is for the long run."""


@pytest.mark.parametrize(
    "before",
    [*PACKAGES[:USUAL], *(pytest.param(package, marks=pytest.mark.long) for package in PACKAGES[USUAL:])],
    ids=lambda package: package.name,
)
def test_each_line_of_a_diff_is_in_one_of_the_files(before: Path) -> None:
    old = files(before)
    for one, after in permutations(PACKAGES, 2):
        if one == before:
            new = files(after)
            for path in sorted(old.keys() | new.keys()):
                change = file_change(path, side(old.get(path)), side(new.get(path)))
                if change is not None:
                    check(change, old.get(path), new.get(path))
