"""Ctrl-C and "too many open files" at any moment from the start on: a line, an exit code, one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cli.shell import Session

pytestmark = pytest.mark.skipif("sys.platform == 'win32'")

SWEEP: Final = """\
import json, os, resource, signal, sys, tempfile
from reconciler import __main__ as start
deed, step, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
del sys.argv[1:4]

def descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)

OPENING = ("open", "os.listdir", "os.scandir", "socket.__new__", "subprocess.Popen")
COUNTED = {"descriptors": OPENING, "ctrl_c": None}[deed]

def run(at, out, err):
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    count = 0
    def hook(event, _):
        nonlocal count
        if COUNTED is None or event in COUNTED:
            count += 1
            if count == at:
                globals()[deed]()
    sys.addaudithook(hook)
    try:
        start.main()
    finally:
        out.write(b"") if count >= at else os._exit(99)  # it was over before

at, over = first, False
while not over:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            run(at, out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        over = code == 99
        texts = [os.pread(one.fileno(), 1 << 20, 0).decode() for one in (out, err)]
    if not over:
        print(json.dumps([at, code, *texts]), flush=True)
    at += step
"""


def swept(session: Session, deed: str, step: int, *command: str) -> Iterator[tuple[int, int, str, str]]:
    """For each moment, counted in events of the interpreter: it, the exit code and both streams."""
    with session.python(SWEEP, deed, step, 1, *command, fresh=True) as process:
        out, err = process.communicate(timeout=1200)
    assert err == ""
    for line in out.splitlines():
        yield json.loads(line)


def faults(found: Iterator[tuple[int, int, str, str]], ends: set[tuple[int, str]]) -> tuple[int, list[Any]]:
    """How many moments there were, and those at which something was not as it should be."""
    wrong, moments = [], 0
    for at, code, out, err in found:
        moments += 1
        try:
            failed = json.loads(out).get("error", {"code": ""})["code"]
        except (ValueError, AttributeError) as error:
            failed = str(error)
        if (code, failed) not in ends or "Traceback" in err or "Exception ignored" in err or len(err.splitlines()) > 3:
            wrong.append((at, code, failed, out[-200:], err[-600:]))
    return moments, wrong


COMMANDS: Final = [["list"], ["plan"], ["status"], ["doctor"], ["apply"], ["verify"], ["nonsense"]]

OVER: Final = {(0, ""), (64, "usage")}
NO_DESCRIPTOR: Final = {
    *OVER,
    (1, "storage"),
    (1, "malformed"),
    (1, "unreadable"),  # the file
    (1, ""),  # of doctor: a finding
    (7, "needs-recovery"),  # nobody can know whether there is a journal
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.long)], ids=["sample", "every"])
def test_no_free_descriptor(applied: Session, command: list[str], step: int) -> None:
    moments, wrong = faults(swept(applied, "descriptors", step, *command, "--json"), NO_DESCRIPTOR)
    assert wrong == []
    assert moments > 1


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("step", [591, pytest.param(3, marks=pytest.mark.long)], ids=["sample", "every third"])
def test_ctrl_c(applied: Session, command: list[str], step: int) -> None:
    moments, wrong = faults(swept(applied, "ctrl_c", step, *command, "--json"), {*OVER, (130, "interrupted")})
    assert wrong == []
    assert moments > 1
