"""The lock between processes: who gets it, who waits how long, and what is said meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from reconciler.errors import BusyError, StorageError
from reconciler.fs import file_lock
from reconciler.fs.file_lock import exclusive, holder, is_held
from tests.fs.hostile import python, traced
from tests.support.promised import promised

TAKE = """
from reconciler.fs.file_lock import exclusive
def locked(wait=30): return exclusive(Path(sys.argv[1]), command="llamagate apply", wait=wait, notice=print)
"""
HOLD = TAKE + "with locked(): print('held', flush=True); sys.stdin.read()"
COUNT = (
    TAKE
    + """
for _ in range(20):
    with locked(): p = Path(sys.argv[2]); p.write_text(str(int(p.read_text()) + 1))
"""
)
LEAVE_A_CHILD = (
    TAKE
    + """
import os, subprocess
with locked():
    child = subprocess.Popen(['sleep', '20'], close_fds=False)
    print(child.pid, flush=True)
    sys.stdin.read()
"""
)


class Clock:
    """Time that passes by sleeping, and ``cost`` seconds at each look."""

    strftime = staticmethod(time.strftime)

    def __init__(self, cost: float = 0.0, sleeps: Callable[[], None] = lambda: None) -> None:
        self.now = 100.0
        self.cost = cost
        self.sleeps = sleeps

    def monotonic(self) -> float:
        self.now += self.cost
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 0.05
        self.now += seconds
        self.sleeps()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@contextmanager
def held(lock: Path, code: str = HOLD) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that holds ``lock``, and the first line that it printed."""
    with subprocess.Popen(python(code, lock), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@contextmanager
def taken(lock: Path, wait: float = 0, clock: Clock | None = None, told: list[str] | None = None) -> Iterator[None]:
    clock, told = clock or Clock(), [] if told is None else told
    with patch.object(file_lock, "time", clock), exclusive(lock, command="me", wait=wait, notice=told.append):
        yield


def test_free_lock_is_taken_without_a_word(lock: Path) -> None:
    clock, told = Clock(), list[str]()
    with taken(lock, clock=clock, told=told):
        assert is_held(lock)
    assert (clock.now, told, is_held(lock)) == (100.0, [], False)


def test_file_stays_is_private_and_tells_its_last_holder(lock: Path) -> None:
    lock.write_text("x" * 1000)
    lock.unlink()
    with taken(lock):
        facts = json.loads(lock.read_text())
    assert lock.stat().st_mode & 0o777 == 0o600
    assert (facts["pid"], facts["command"]) == (os.getpid(), "me")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", facts["since"])


def test_own_line_replaces_a_longer_one(lock: Path) -> None:
    lock.write_text("x" * 1000)
    with taken(lock):
        assert holder(lock).startswith(f"me (pid {os.getpid()}, since ")


def test_lock_is_released_after_an_error(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), taken(lock):
        raise ZeroDivisionError
    assert not is_held(lock)


@pytest.mark.parametrize("wait", [0, 0.3, 7.0, 300.0])
def test_timeout_is_exact(lock: Path, wait: float) -> None:
    clock = Clock(cost=0.001)
    with taken(lock), pytest.raises(BusyError) as caught, taken(lock, wait, clock):
        pass
    assert wait <= clock.now - 100.0 <= wait + 0.5
    assert re.fullmatch(
        rf"me \(pid {os.getpid()}, since [\d:]{{8}}\) is changing this home; gave up after {wait:.0f} s",
        caught.value.message,
    )


def test_waiter_is_told_once_within_a_second(lock: Path) -> None:
    clock = Clock()
    told: list[tuple[float, str]] = []
    waiting = exclusive(lock, command="me", wait=60, notice=lambda text: told.append((clock.now, text)))
    with held(lock) as (process, _), patch.object(file_lock, "time", clock), pytest.raises(BusyError), waiting:
        pass
    [(moment, text)] = told
    assert moment <= 101.0
    assert re.fullmatch(rf"waiting for llamagate apply \(pid {process.pid}, since \d\d:\d\d:\d\d\)", text)


def test_other_process_takes_over_when_it_is_released(lock: Path) -> None:
    with held(lock) as (process, _), pytest.raises(BusyError), taken(lock):
        pass
    assert process.wait() == -signal.SIGKILL
    with taken(lock):
        assert is_held(lock)


@promised(1)
def test_killed_holder_delays_the_next_by_less_than_a_second(lock: Path, most: float) -> None:
    with held(lock) as (process, _):
        start = time.monotonic()
        threading.Timer(0.2, process.kill).start()
        with exclusive(lock, command="me", wait=20, notice=print):
            assert 0.2 <= time.monotonic() - start < 0.2 + most


def test_lock_does_not_pass_to_programs_that_the_holder_starts(lock: Path) -> None:
    with held(lock, LEAVE_A_CHILD) as (process, child):
        process.kill()
        process.wait()
        try:
            assert not is_held(lock)
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_four_processes_lose_no_change(lock: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    processes = [subprocess.Popen(python(COUNT, lock, count)) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert count.read_text() == "80"


def test_probe_for_a_reader(lock: Path) -> None:
    assert not is_held(lock)
    with held(lock):
        assert is_held(lock)
    assert not is_held(lock)
    assert lock.exists()


def test_probe_of_another_does_not_make_a_lock_busy(lock: Path) -> None:
    import fcntl

    lock.touch()
    probe = os.open(lock, os.O_RDONLY)
    fcntl.flock(probe, fcntl.LOCK_SH)
    with taken(lock, clock=Clock(sleeps=lambda: os.close(probe))):
        assert is_held(lock)


@pytest.mark.parametrize("exists", [False, True])
def test_link_is_refused(lock: Path, exists: bool) -> None:
    lock.symlink_to("elsewhere")
    if exists:
        (lock.parent / "elsewhere").touch()
    said = re.escape(f"{lock} is a symbolic link; remove it")
    with pytest.raises(StorageError, match=said), taken(lock):
        pass
    with pytest.raises(StorageError, match=said):
        is_held(lock)
    assert (lock.parent / "elsewhere").exists() is exists


def test_folder_in_its_place_is_an_error_with_path_and_cause(lock: Path) -> None:
    lock.mkdir()
    with pytest.raises(StorageError, match=re.escape(f"cannot open the lock {lock}: Is a directory")), taken(lock):
        pass


def test_file_system_without_locks_is_an_error_with_path_and_cause(lock: Path, tmp_path: Path) -> None:
    code = TAKE + "try: locked().__enter__()\nexcept Exception as error: print(error)"
    said = traced(tmp_path / "trace", code, lock, calls="flock", inject="flock:error=ENOLCK")
    assert said == f"cannot lock {lock}: No locks available"


def test_full_disk_does_not_stop_the_holder(lock: Path, tmp_path: Path) -> None:
    code = TAKE + "import os\nwith locked(): os.write(1, b'held')"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        said = traced(tmp_path / "trace", code, lock, calls="write", inject="write:error=ENOSPC:when=1")
    assert said == "held"
    assert holder(lock) == "another process"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "another process"),
        (b"\xff\xfe\x00", "another process"),
        (b"[" * 5000, "another process"),
        (b"9" * 4096, "another process"),
        (b"null", "another process"),
        (b'{"pid": true, "command": 5, "since": []}', "another process"),
        (b'{"pid": -1, "command": "", "since": "yesterday"}', "another process"),
        (b'{"pid": 7}', "another process (pid 7)"),
        (b'{"pid": 7, "command": "a\\u001b[2J\\nb\\udc00"}', "a?[2J?b? (pid 7)"),
        (b'{"command": "x", "since": "2001-02-03T04:05:06+0000"}', "x (since 2001-02-03 04:05:06)"),
    ],
    ids=["empty", "binary", "deep", "number", "null", "types", "values", "pid only", "escapes", "another day"],
)
def test_holder_is_advice_and_may_be_garbage(lock: Path, content: bytes, said: str) -> None:
    lock.write_bytes(content)
    assert holder(lock) == said


def test_holder_of_nothing(lock: Path) -> None:
    assert holder(lock) == "another process"
