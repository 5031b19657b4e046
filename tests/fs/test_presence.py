"""What is there: nobody guesses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.fs.presence import entries, is_file, is_folder, is_there

QUESTIONS = (is_there, is_folder, is_file)


def test_each_answers_for_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    nowhere = tmp_path / "link"
    nowhere.symlink_to("gone")
    assert [
        [ask(path) for ask in QUESTIONS] for path in (tmp_path, file, nowhere, file / "below", tmp_path / "no")
    ] == [
        [True, True, False],
        [True, False, True],
        [True, False, False],
        [False, False, False],
        [False, False, False],
    ]
    assert entries(tmp_path) == [file, nowhere]
    assert entries(file) == entries(tmp_path / "no") == []


@pytest.mark.parametrize("ask", [*QUESTIONS, entries])
def test_what_cannot_be_looked_at_is_no_answer(
    ask: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "listdir"):
            patch.setattr(os, name, refuse)
        with pytest.raises(PermissionError):
            ask(tmp_path)
