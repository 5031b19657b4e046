"""Processes that have loaded the program already: copies of one that did it for all.

To start Python and to load the program takes longer than most commands run. So each process that runs tests keeps one
that has loaded it, and that makes a copy of itself for every process that a test asks for. The copy is a process like
another: a child of the one that asked, with the streams, folder, variables, mask and limits that it was given, with
signals, threads and an end of its own. It lacks what only a start does: what it reads of variables such as
``PYTHONUTF8`` or ``LC_ALL``, and the loading of modules. A test of that asks for a fresh one.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

PROJECT: Final = Path(__file__).parents[2]
_CLONE_PARENT: Final = 0x8000
"""Linux: the copy is a child of the parent of the process that makes it."""
_CLONE: Final = {("linux", "x86_64"): 56, ("linux", "aarch64"): 220}.get((sys.platform, os.uname().machine))
"""The number of the system call; ``None`` where each process is started."""
_READ_AT_THE_START: Final = ("PYTHON", "LC_", "LANG")
_OPTIONS: Final = frozenset(["cwd", "stdin", "stdout", "stderr", "text", "umask"])
_MOST_BYTES: Final = 1 << 17
_RELAY: Final = PROJECT / "tests" / "support" / "relay.py"
_OF_A_RELAY: Final = {
    "code": "from reconciler.__main__ import main; main()",
    "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE),
}
_keepers: Final[list[int]] = []
_STREAMS: Final = 3
_ASKING: Final = threading.Lock()
"""Tests start processes from several threads at once; each gets its own answer."""


class Running(subprocess.Popen[str]):
    """A process that a failing test ends: at the end of a ``with`` block it would be waited for, maybe for ever."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)


class Copied(Running):
    """One that is copied; its command is ``[sys.executable, "-B", "-c", code, *arguments]``."""

    def _execute_child(self, args: Any, _executable: Any, *rest: Any) -> None:
        cwd, env = rest[3:5]
        pipes = rest[8:14]
        mask = rest[18] if rest[18] >= 0 else _mask()
        request = {
            "code": args[3],
            "arguments": args[4:],
            "folder": str(cwd),
            "variables": env,
            "mask": mask,
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE),
        }
        streams = [number if pipe == -1 else pipe for number, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
        with _ASKING:
            channel = _channel(_mounts())
            socket.send_fds(channel, [json.dumps(request).encode()], streams)
            self.pid = int(channel.recv(_MOST_BYTES))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def started(command: list[str], variables: Mapping[str, str], *, fresh: bool, **options: Any) -> Running:
    """The process of a command as ``Copied`` has it: a copy, if nobody could tell it from a ``fresh`` one."""
    is_plain = options.keys() <= _OPTIONS | {"cwd"} and not any(
        name.startswith(_READ_AT_THE_START) for name in variables
    )
    made = Copied if is_plain and not fresh and _CLONE else Running
    return made(command, env={**variables, "PYTHONPATH": str(PROJECT)}, **options)


def _mask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def relayed() -> str | None:
    """The text of a program ``llamagate`` for shells, which has a copy run the command; ``None`` where none is made."""
    if not _CLONE:
        return None
    with _ASKING:
        _channel(mounts := _mounts())
    return f'#!/bin/sh\nexec "{sys.executable}" -I -S "{_RELAY}" {_name(mounts)} "$@"\n'


def _name(mounts: str) -> str:
    """Of the socket where copies are asked for by programs: no file, but a name that Linux keeps."""
    return f"llamagate-tests-{os.getpid()}-{''.join(filter(str.isdigit, mounts))}"


def _mounts() -> str:
    return str(Path("/proc/self/ns/mnt").readlink())


@functools.cache
def _channel(mounts: str) -> socket.socket:
    """The way to the process that is copied: one for all tests that see the same mounts. It ends with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    variables = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    with its:
        subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.support.prepared", str(its.fileno()), _name(mounts)],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **variables},
            pass_fds=[its.fileno()],
        ).returncode = 0  # nobody waits for it
    assert ours.recv(1)
    return ours


# In the process that is copied


def _serve(channel: socket.socket, listener: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Make copies until nobody asks any more; what was asked for, in the copy."""
    while True:
        if listener in select.select([channel, listener], [], [])[0]:
            if (request := _relayed(channel, listener)) is not None:
                return request
            continue
        data, descriptors, _, _ = socket.recv_fds(channel, _MOST_BYTES, _STREAMS)
        if not data:
            os._exit(0)
        pid = _copy()
        if not pid:
            channel.close()
            listener.close()
            return json.loads(data), descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        channel.send(str(pid).encode())


def _relayed(channel: socket.socket, listener: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Copy for a relay, by way of a process that waits for the copy and says how it ended; in the copy: what to run."""
    while _keepers and os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
        _keepers.pop()
    relay, _ = listener.accept()
    with relay:
        keeper = os.fork()
        if keeper:
            _keepers.append(keeper)
            return None
        channel.close()
        listener.close()
        data, descriptors, _, _ = socket.recv_fds(relay, _MOST_BYTES, _STREAMS)
        child = os.fork()
        if not child:
            return {**json.loads(data), **_OF_A_RELAY, "mask": _mask()}, descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        relay.send(str(child).encode())
        relay.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
        os._exit(0)


def _copy() -> int:
    """As ``os.fork``; but the copy is a child of our parent. It is a raw call, which is safe without threads."""
    python, system = ctypes.pythonapi, ctypes.PyDLL(None)
    python.PyOS_BeforeFork()
    pid: int = system.syscall(_CLONE, _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    python.PyOS_AfterFork_Parent() if pid else python.PyOS_AfterFork_Child()
    return pid


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Take over what the process was asked for with."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.umask(request["mask"])
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # Python does that at its start
    os.environ.clear()
    os.environ.update({**request["variables"], **coerced})
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(request["descriptors"]))
    sys.argv = ["-c", *request["arguments"]]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    binary = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 - until the end
    is_by_line = number == 2 or os.isatty(number)
    return io.TextIOWrapper(
        binary, like.encoding, like.errors, line_buffering=is_by_line, newline="\n" if number else None
    )


def _run(code: str) -> None:
    """Run it to its end, but for what Python frees then, which takes longer than a command."""
    status: object = 0
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
    except SystemExit as ended:
        status = ended.code or 0
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        sys.exit(status)  # type: ignore[arg-type]
    os._exit(status) if isinstance(status, int) else sys.exit(str(status))


def _load() -> None:
    """Load what commands and hosts load, and build the command line."""
    package = importlib.import_module("reconciler")
    for module in pkgutil.walk_packages(package.__path__, "reconciler."):
        if module.name.rpartition(".")[2] != "__main__":
            importlib.import_module(module.name)
    app = importlib.import_module("reconciler.cli.app")
    vars(app)["application"] = functools.cache(app.application)
    command = app.application()
    for name in command.list_commands(None):
        command.get_command(None, name)


if __name__ == "__main__":
    _load()
    gc.collect()
    gc.freeze()
    _listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    _listener.bind(f"\0{sys.argv[2]}")
    _listener.listen()
    _channel_here = socket.socket(fileno=int(sys.argv[1]))
    _channel_here.send(b"!")
    _request, _descriptors = _serve(_channel_here, _listener)
    _become(_request, _descriptors)
    _run(_request["code"])
