"""Runs the program of a tool server, and ends it with all that it started when the host ends, however that ends.

It is started as a program of its own, with nothing but the standard library: ``child.py LIFELINE COMMAND [ARG]...``.
The host holds the other end of the pipe LIFELINE, and writes nothing: the system closes it when the host is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

_SET_PARENT_DEATH_SIGNAL = 1
_SET_SUBREAPER = 36
_GRACE_SECONDS = 1.0
_NOT_STARTED = 127


def main() -> None:
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    _prctl(_SET_SUBREAPER, 1)  # what the program leaves behind becomes ours, and not the system's
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    pid = os.fork()
    if pid == 0:
        _become(command, lifeline)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # its pipes are closed when it ends, and not when we do
    os.dup2(nothing, 1)
    status = _wait(pid, lifeline, woken)
    _end(pid)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF if status is not None else 1)


def _become(command: list[str], lifeline: int) -> None:
    try:
        os.setpgid(0, 0)
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        os.close(lifeline)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - what the operator's file names
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
    os._exit(_NOT_STARTED)


def _wait(pid: int, lifeline: int, woken: int) -> int | None:
    """Until the program ends, whose status this is, or the host does, or somebody asks us to end."""
    while True:
        ready, _, _ = select.select([lifeline, woken], [], [])
        if lifeline in ready:
            return None
        signals = os.read(woken, 100)
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if any(number != signal.SIGCHLD for number in signals):
            return None


def _end(group: int) -> None:
    """The program, all that is in its group, and then what left the group, as far as the system tells us of it."""
    _signal(group, signal.SIGTERM)
    until = time.monotonic() + _GRACE_SECONDS
    while _reap() and time.monotonic() < until:
        time.sleep(0.01)
    _signal(group, signal.SIGKILL)
    until = time.monotonic() + _GRACE_SECONDS
    while _reap() and time.monotonic() < until:
        for pid in _children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, number)


def _reap() -> bool:
    """Whether there is a child left; those that ended are forgotten."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - starts in no time
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
