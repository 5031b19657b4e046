"""A file that another program writes in place is read again until it is whole, but old damage costs no time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from reconciler.fs.settled import read_settled


def is_whole(data: bytes) -> bool:
    return data.endswith(b"]")


def test_whole_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"[]")
    assert read_settled(tmp_path / "file", is_whole) == b"[]"


def test_half_written_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"[")
    threading.Timer(0.1, lambda: file.write_bytes(b"[1]")).start()
    assert read_settled(file, is_whole) == b"[1]"


def test_file_that_stays_damaged_is_given_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"[")
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    assert read_settled(tmp_path / "file", is_whole) == b"["
    assert sum(pauses) == pytest.approx(0.5)


def test_old_damage_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"[")
    os.utime(file, (0, 0))
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    assert read_settled(file, is_whole) == b"["
    assert pauses == []


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_settled(tmp_path / "absent", is_whole)
