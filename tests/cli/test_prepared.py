"""A prepared process is like one that was started: what it finds, how it ends, and whose child it is."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import TIMEOUT_SECONDS, Session, finished
from tests.support import prepared
from tests.support.prepared import Copied, Running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process is started")
BOTH = pytest.mark.parametrize("fresh", [False, True], ids=["prepared", "fresh"])
LOOK = """\
import os, resource, sys
mask = os.umask(0)
for one in (sys.stdin, sys.stdout, sys.stderr):
    print(one.isatty(), one.encoding, one.errors, one.line_buffering)
print(sys.argv, os.getcwd(), sorted(os.environ.items()), mask, resource.getrlimit(resource.RLIMIT_NOFILE), __name__)
print([signal.getsignal(number) for number in sorted(signal.valid_signals())], signal.pthread_sigmask(0, []))
print(os.getppid(), os.getsid(0), os.getpgid(0), len(os.listdir("/proc/self/fd")))
"""


def ended(session: Session, code: str, *arguments: object, **options: Any) -> tuple[int, str, str]:
    with session.python(code, *arguments, **options) as running:
        done = finished(running)
    return done.code, done.out, done.err


def test_it_finds_what_a_fresh_one_finds(session: Session) -> None:
    session.variables["GREETING"] = "Grüße"
    found = [ended(session, LOOK, "a", "-b", stdin=subprocess.DEVNULL, fresh=fresh) for fresh in (False, True)]
    assert found[0] == found[1]
    assert found[0][0] == 0


def test_a_terminal_is_a_terminal(session: Session) -> None:
    ours, theirs = pty.openpty()
    code = "import sys; print([(one.isatty(), one.line_buffering) for one in (sys.stdin, sys.stdout, sys.stderr)])"
    said = []
    for fresh in (False, True):
        with session.python(code, stdin=theirs, stdout=theirs, stderr=theirs, fresh=fresh) as running:
            assert running.wait(TIMEOUT_SECONDS) == 0
        said.append(os.read(ours, 2**16))
    os.close(ours)
    os.close(theirs)
    assert said == [b"[(True, True), (True, True), (True, True)]\r\n"] * 2


@BOTH
def test_it_has_the_limits_and_the_mask_of_who_asks(session: Session, fresh: bool) -> None:
    before, mask = resource.getrlimit(resource.RLIMIT_NOFILE), os.umask(0o027)
    resource.setrlimit(resource.RLIMIT_NOFILE, (99, before[1]))
    try:
        code = "import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.umask(0))"
        assert ended(session, code, fresh=fresh) == (0, f"99 {0o027}\n", "")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        os.umask(mask)


ENDS = {
    "end": ("print('x')", 0),
    "exit": ("import sys; print('x'); sys.exit(7)", 7),
    "thread": ("import threading, time; threading.Thread(target=lambda: (time.sleep(0.05), print('x'))).start()", 0),
    "atexit": ("import atexit; atexit.register(print, 'x')", 0),
    "error": ("print('x'); 1 / 0", 1),
    "text": ("import sys; print('x'); sys.exit('over')", 1),
    "signal": ("import os; print('x', flush=True); os.kill(os.getpid(), 15)", -signal.SIGTERM),
    "interrupt": ("import os; print('x'); os.kill(os.getpid(), 2)", -signal.SIGINT),
}


@BOTH
@pytest.mark.parametrize(("code", "expected"), ENDS.values(), ids=ENDS)
def test_it_ends_as_a_fresh_one_ends(session: Session, code: str, expected: int, fresh: bool) -> None:
    found, out, err = ended(session, code, fresh=fresh)
    assert (found, out) == (expected, "x\n")
    assert ("ZeroDivisionError" in err) is ("1 / 0" in code)
    assert (err == "over\n") is ("over" in code)


@BOTH
def test_a_full_output_is_told_of(session: Session, fresh: bool) -> None:
    with Path("/dev/full").open("w") as full:
        code, _, err = ended(session, "print('x')", stdout=full, fresh=fresh)
    assert (code, "No space left" in err) == (120, True)


def test_what_one_changes_is_not_changed_for_the_next(session: Session) -> None:
    ended(session, "from reconciler.cli import app; app.main = None; import os; os.environ['X'] = '1'")
    assert ended(session, "import os; from reconciler.cli import app; print(app.main is None, 'X' in os.environ)") == (
        *(0, "False False\n", ""),
    )


@pytest.mark.parametrize("name", ["PYTHONUTF8", "LC_ALL", "LANG"])
def test_what_python_reads_at_its_start_makes_a_fresh_one(session: Session, name: str) -> None:
    with session.python("pass") as running:
        assert isinstance(running, Copied)
    session.variables[name] = "C" if name != "PYTHONUTF8" else "1"
    with session.python("pass") as running:
        assert not isinstance(running, Copied)


@pytest.fixture
def relayed(session: Session) -> Path:
    """A program for shells that has a prepared process run the command."""
    text = prepared.relayed()
    assert text is not None
    program = session.write("llamagate", text)
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("arguments", [("apply",), ("plan", "--json"), ("list", "--color", "always"), ("nonsense",)])
def test_a_relay_does_what_the_command_does(session: Session, relayed: Path, arguments: tuple[str, ...]) -> None:
    session.extensions("foo")
    expected = session.run(*arguments, *(["--dry-run"] if arguments == ("apply",) else []))
    command = [str(relayed), *arguments, *(["--dry-run"] if arguments == ("apply",) else [])]
    done = subprocess.run(command, cwd=session.project, env=session.environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (expected.code, expected.out, expected.err)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_relay_hands_on_signals(session: Session, relayed: Path, number: int, code: int) -> None:
    session.extensions("foo")
    command = [str(relayed), "watch", "--json"]
    with Running(command, cwd=session.project, env=session.environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while "Applied" not in running.stdout.readline():
            assert running.poll() is None
        running.send_signal(number)
        assert running.wait(TIMEOUT_SECONDS) == code


def test_a_relay_ends_as_the_command_does(session: Session, relayed: Path) -> None:
    session.write("llamagate.yaml", "")
    with Running([str(relayed), "watch", "--json"], cwd=session.project, env=session.environment) as running:
        while not (session.ours / "status.json").exists():
            assert running.poll() is None
            time.sleep(0.02)
        os.kill(json.loads((session.ours / "status.json").read_bytes())["pid"], signal.SIGKILL)
        assert running.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
