"""A session that takes long to make: it is made once, and each test gets it as it was then, at the same place.

What is copied is another file to a pass, which looks at it again and may renew a stamp. So this is not for tests that
compare everything before and after where nothing is to be done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Session


class Again:
    """``make`` fills a session below ``folder``. Its paths are written into records, so that a copy has the same."""

    def __init__(self, folder: Path, make: Callable[[Session], object]) -> None:
        self._base, self._kept = folder / "base", folder / "kept"
        self._base.mkdir()
        made = Session(self._base)
        make(made)
        self._variables = made.variables
        self._base.rename(self._kept)

    def session(self) -> Session:
        """What was made, as if it were made just now, and nothing of what an earlier test did with it."""
        if self._base.exists():
            shutil.rmtree(self._base)
        _copy(self._kept, self._base)
        return Session(self._base, {**self._variables})


def _copy(source: Path, target: Path) -> None:
    """With modes and without times: what lies there for a while is trusted more than what is new."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir()
        for path in source.iterdir():
            _copy(path, target / path.name)
    else:
        shutil.copyfile(source, target)
    shutil.copymode(source, target)


def once(make: Callable[[Session], object]) -> Any:
    """A fixture ``made``, for the tests of a module, of what ``make`` makes."""

    @pytest.fixture(scope="module", name="made")
    def made(tmp_path_factory: pytest.TempPathFactory) -> Again:
        return Again(tmp_path_factory.mktemp("made"), make)

    return made
