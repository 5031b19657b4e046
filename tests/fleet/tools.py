"""Programs of others that the tests of fleets need, where ``nox -s setup-fleet`` puts them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import PROJECT

FLEET: Final = PROJECT / "build" / "fleet"
_PLACES: Final = (
    *(FLEET / name / "bin" for name in ("ansible", "ci")),
    FLEET / "bin",
    FLEET / "node_modules" / ".bin",
    Path("/usr/sbin"),
)


def search_path() -> str:
    """``PATH`` with those programs after the system's own."""
    return os.pathsep.join([os.environ["PATH"], *map(str, _PLACES)])


def needs(*names: str) -> tuple[str, ...]:
    """Where these programs are; the test is skipped where one is not there."""
    found = {name: shutil.which(name, path=search_path()) for name in names}
    if missing := [name for name, path in found.items() if path is None]:
        pytest.skip(f"not installed: {', '.join(missing)}; nox -s setup-fleet installs it")
    return tuple(str(path) for path in found.values())
