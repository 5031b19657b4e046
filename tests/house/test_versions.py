"""The ranges of dependencies: bounded on both sides, and both ends are written down for those who test and install."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import PROJECT

_PROJECT: Final = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
_PIN: Final = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)", re.MULTILINE)
_OWN: Final = {"dev", "test"}
"""Extras of those who work on it."""
REQUIRED: Final = [
    Requirement(line)
    for line in (
        *_PROJECT["dependencies"],
        *(line for extra, lines in _PROJECT["optional-dependencies"].items() if extra not in _OWN for line in lines),
    )
    if not line.startswith("llamagate")
]


def pins(file: str) -> Iterator[tuple[str, str]]:
    """Name and version of each line."""
    return ((match[1], match[2]) for match in _PIN.finditer((PROJECT / file).read_text()))


def bound(required: Requirement, operator: str) -> str:
    (version,) = [part.version for part in required.specifier if part.operator == operator]
    return version


@pytest.mark.parametrize("required", REQUIRED, ids=lambda required: required.name)
def test_a_range_has_both_ends_and_allows_the_pinned_versions(required: Requirement) -> None:
    assert bound(required, "<")
    newest = dict(pins("constraints.txt"))[required.name]
    assert required.specifier.contains(newest)
    assert Version(dict(pins(".ci/constraints-lowest.txt"))[required.name]) == Version(bound(required, ">="))


def test_the_lowest_versions_are_of_our_dependencies_alone() -> None:
    assert sorted(dict(pins(".ci/constraints-lowest.txt"))) == sorted(required.name for required in REQUIRED)


def test_each_extra_of_users_is_pinned() -> None:
    extras = set(_PROJECT["optional-dependencies"]) - _OWN
    assert extras == set(re.findall(r"--extra (\S+)", (PROJECT / ".ci/constraints").read_text()))


def test_each_pin_has_hashes_and_no_address() -> None:
    text = (PROJECT / "constraints.txt").read_text()
    assert len(re.findall(r"^[a-z0-9-]+==.* \\\n +--hash=sha256:", text, re.MULTILINE)) == len(
        list(pins("constraints.txt"))
    )
    assert "://" not in text
