"""The command line, many times: one process imports and warms it all, and forks for each command.

The child is the real command, from its arguments to its exit code, with the shim around it.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.crash.shim import Call, Fault, Shim

PROJECT: Final = Path(__file__).parents[2]
NO_FAULT: Final = Fault()
_SECONDS: Final = 60
"""After so many a command counts as hung and is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended: by ``signal``, or with the exit ``code``; and what it did, if it lived to tell."""

    signal: int
    code: int
    out: str
    err: str
    calls: tuple[Call, ...] = ()

    @property
    def was_killed(self) -> bool:
        return self.signal == signal.SIGKILL

    @property
    def is_well(self) -> bool:
        """Whether it did what it was asked for; a recovery where nothing was begun says that there is no home."""
        return self.code == 0 or (self.code == 1 and "this home does not exist yet" in self.err)


@functools.cache
def _server(_mounts: str) -> subprocess.Popen[str]:
    """The process that forks: one for all tests that see the same mounts. To start it takes longer than a command."""
    server = subprocess.Popen(
        [sys.executable, "-B", "-m", "tests.crash.forks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=environment(PROJECT),
    )
    atexit.register(server.communicate)
    return server


@dataclass(frozen=True, slots=True)
class Forks:
    """Commands in forks. ``root`` is what the shim looks at, and where the user's own home is."""

    root: Path

    def run(self, *arguments: object, fault: Fault = NO_FAULT, mutant: str = "") -> Ended:
        """One command in a fork. ``mutant`` names one of ``tests.crash.mutants`` to damage it first."""
        return self._ask({"arguments": [*map(str, arguments)], "fault": asdict(fault), "mutant": mutant})

    def warm(self, *arguments: object) -> None:
        """Run a command in the forking process itself, so that its forks need not load or compile anything."""
        ended = self._ask({"arguments": [*map(str, arguments)]})
        assert ended.code == 0, ended.err

    def _ask(self, request: dict[str, Any]) -> Ended:
        server = _server(str(Path("/proc/self/ns/mnt").readlink()))
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"root": str(self.root), **request}) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        calls = json.loads(answer.pop("calls") or "[]")
        return Ended(**answer, calls=tuple(map(Call.of, calls)))


def environment(root: Path) -> dict[str, str]:
    """What a command is started with."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(root / "user"),
        "PYTHONPATH": str(PROJECT),
        "PYTHONHASHSEED": "0",
        "REPORT_TOKEN": "s3cret",
    }


def _serve() -> None:
    app = importlib.import_module("reconciler.cli.app")
    vars(app)["application"] = functools.cache(app.application)  # with the verbs that it has loaded
    for line in sys.stdin:
        request = json.loads(line)
        os.environ["HOME"] = f"{request['root']}/user"
        with _captured() as files:
            if "fault" in request:
                status = _forked(app.main, request, files[2])
            else:
                status = _run(app.main, request["arguments"]) << 8
        out, err, calls = (_content(file) for file in files)
        ended = {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
        }
        sys.stdout.write(json.dumps({**ended, "out": out, "err": err, "calls": calls}) + "\n")
        sys.stdout.flush()


def _forked(main: Any, request: dict[str, Any], log: int) -> int:
    gc.disable()  # a collection touches, and so copies, every page that the fork shares
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    signal.alarm(_SECONDS)
    if request["mutant"]:
        importlib.import_module("tests.crash.mutants").ALL[request["mutant"]]()
    fault = request["fault"]
    shim = Shim(request["root"] + "/", Fault(**{**fault, "layered": tuple(fault["layered"])}))
    truncate, seek, write = os.ftruncate, os.lseek, os.write  # before the shim counts them

    def hand_over() -> None:
        """Once more, where a process lives on that should have died."""
        truncate(log, 0)
        seek(log, 0, os.SEEK_SET)
        write(log, json.dumps([call.row for call in shim.calls]).encode())

    shim.last_words = hand_over
    shim.install()
    code = _run(main, request["arguments"])
    shim.last_words()
    os._exit(code)


def _run(main: Any, arguments: list[str]) -> int:
    sys.argv = ["llamagate", *arguments]
    try:
        main()
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


@contextmanager
def _captured() -> Iterator[tuple[int, int, int]]:
    """Descriptors 1 and 2 go to files meanwhile; a third file is for the calls."""
    files = tuple(os.memfd_create(name) for name in ("out", "err", "calls"))
    kept = [os.dup(number) for number in (1, 2)]
    for number in (1, 2):
        os.dup2(files[number - 1], number)
    try:
        yield files[0], files[1], files[2]
    finally:
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _content(descriptor: int) -> str:
    with open(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode()


if __name__ == "__main__":
    _serve()
