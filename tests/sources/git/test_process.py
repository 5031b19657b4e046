"""One run of a program: what it prints, and how it is ended."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reconciler.sources.git import process as git_process
from reconciler.sources.git.process import GitCommand, OutputTooLargeError, run


def python(code: str, folder: Path) -> GitCommand:
    return GitCommand(arguments=[sys.executable, "-c", code], environment={"ONLY": "this"}, folder=folder)


def test_input_output_and_exit_code(tmp_path: Path) -> None:
    code = (
        "import os, sys; print(sys.stdin.read(), os.environ['ONLY'], os.getcwd()); sys.stderr.write('e'); sys.exit(3)"
    )
    finished = run(python(code, tmp_path), seconds=60, given=b"given")
    assert (finished.code, finished.out.decode(), finished.err) == (3, f"given this {tmp_path}\n", b"e")


def test_only_the_end_of_what_it_complains_of_is_kept(tmp_path: Path) -> None:
    finished = run(python("import sys; sys.stderr.write('x' * 300_000 + 'end')", tmp_path), seconds=60)
    assert (len(finished.err), finished.err[-4:]) == (1 << 16, b"xend")


def test_who_never_stops_printing_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "_MAX_OUTPUT_BYTES", 1_000_000)
    with pytest.raises(OutputTooLargeError):
        run(python("while True: print('x' * 10_000)", tmp_path), seconds=60)


def test_a_child_that_stays_behind_is_ended_at_the_deadline(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    code = f"import os, time\nif os.fork(): os._exit(0)\nout = os.open({str(held)!r}, os.O_WRONLY)\ntime.sleep(600)\n"
    reading = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(TimeoutError):
        run(python(code, tmp_path), seconds=2)
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""  # the other end is closed: the child is gone, or this would wait for it
    os.close(reading)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(GitCommand(arguments=[str(tmp_path / "none")], environment={}, folder=tmp_path), seconds=60)
