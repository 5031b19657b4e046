"""A shell session for tests: a project folder, a LlamaGate home, an environment, and the command run in them.

``llamagate`` runs in this process, which is fast; ``process`` and ``traced`` start a real one, for what only that has:
locks, signals, a terminal, system calls.
"""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from reconciler.apply import transaction
from reconciler.cli import app
from tests.conftest import PROJECT
from tests.support.home_documents import generation_of, generation_path, record_of, write_record
from tests.support.packages import MANIFEST, MODULE
from tests.support.prepared import started

SAMPLES: Final = PROJECT.parent / "shared" / "samples" / "extensions"
TIMEOUT_SECONDS: Final = 60

_APPLICATION: Final = functools.cache(app.application)

Snapshot = dict[str, tuple[int, str | bytes]]
"""Path → permission bits, and content or a link's target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command left: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The document of a failure, without its envelope."""
        document = self.json
        assert list(document) == ["error"]
        return document["error"]


@dataclass(slots=True)
class Session:
    """``base`` holds all of it. ``variables`` are set besides ``HOME``, ``LLAMAGATE_HOME`` and ``PATH``."""

    base: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.project, self.base / "user"):
            folder.mkdir(exist_ok=True)

    @property
    def project(self) -> Path:
        return self.base / "project"

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.base / "user"),
            "LLAMAGATE_HOME": str(self.home),
            **self.variables,
        }

    # Commands

    def llamagate(self, *arguments: object, exits: int = 0) -> Result:
        """Run the command in this process; it must end with the exit code ``exits``."""
        result = self.run(*arguments)
        assert result.code == exits, f"exit code {result.code}\n{result.out}{result.err}"
        return result

    def plan(self, *arguments: object, exits: int | None = None) -> Any:
        """The document of ``plan --json``; its exit code is ``exits``, else tells whether the plan has refusals."""
        result = self.run("plan", "--json", *arguments)
        wanted = exits if exits is not None else 5 if result.json["refusals"] else 0
        assert result.code == wanted, f"exit code {result.code}\n{result.out}{result.err}"
        return result.json

    def actions(self, *arguments: object) -> list[str]:
        """The plan in short: ``update a``."""
        return [f"{action['action']} {action['id']}" for action in self.plan(*arguments)["actions"]]

    def process(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        """Start the command as a process of its own."""
        return self.python("from reconciler.cli.app import main; main()", *arguments, **options)

    def python(self, code: str, *arguments: object, fresh: bool = False, **options: Any) -> subprocess.Popen[str]:
        """Start ``code`` as a process of its own, with the project importable; ``fresh`` where the start matters."""
        settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        # Tests that are run in the background inherit that Ctrl-C is ignored; the command here is in the foreground.
        foreground = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        return started(
            [sys.executable, "-B", "-c", foreground + code, *map(str, arguments)],
            {**self.environment, **_measured()},
            fresh=fresh,
            cwd=self.project,
            **settings,
        )

    def in_process(self, *arguments: object, exits: int = 0, **options: Any) -> Result:
        """Run the command as a process of its own, to its end."""
        with self.process(*arguments, **options) as running:
            result = finished(running)
        assert result.code == exits, f"exit code {result.code}\n{result.out}{result.err}"
        return result

    def traced(self, *arguments: object, calls: str) -> list[str]:
        """The system ``calls`` of a run that ends well, one a line, descriptors with their paths."""
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed")
        trace = self.base / "trace"
        command = [sys.executable, "-B", "-m", "reconciler", *map(str, arguments)]
        done = subprocess.run(
            ["strace", "-f", "-qq", "-y", "-o", str(trace), "-e", f"trace={calls}", *command],
            cwd=self.project,
            env={**self.environment, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        if "PTRACE" in done.stderr:
            pytest.skip("tracing is not permitted here")
        assert done.returncode == 0, done.stderr
        return [re.sub(r"^\d+ +", "", line) for line in trace.read_text().splitlines()]

    def run(self, *arguments: object) -> Result:
        """Run the command in this process, however it ends."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.project)
            patch.setattr(sys, "argv", ["llamagate", *map(str, arguments)])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(app, "application", _APPLICATION)  # to build it again takes a quarter of a command's time
            for name in [name for name in os.environ if name.startswith("LLAMAGATE_") or name == "COLUMNS"]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                app.main()
        return Result(code=int(ended.value.code or 0), out=_text(out), err=_text(err))

    # Files of the project

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file of the project, or at an absolute path."""
        place = self.project / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def desired(self, text: str, *, name: str = "llamagate.yaml") -> None:
        """Write the desired state; the version line is put before ``text``."""
        self.write(name, f"apiVersion: llamagate/v1\n{text}")

    def edit(self, path: str | Path, old: str, new: str) -> None:
        """Replace ``old``, which must be there, in a file of the project."""
        place = self.project / path
        text = place.read_text()
        assert old in text
        place.write_text(text.replace(old, new))

    def package(self, item: str, *, version: str = "1.0.0", files: Mapping[str, str] | None = None) -> None:
        """Write an extension into ``packages/ITEM``."""
        parts = {"manifest.yaml": MANIFEST.format(id=item, version=version), **(files or {})}
        for path, content in parts.items():
            self.write(f"packages/{item}/{path}", content)

    def module(self, item: str, extension: str, *, version: str = "1.0.0") -> None:
        """Write an agentic module with one step into ``packages/ITEM``."""
        text = MODULE.format(id=item, version=version, extension=extension)
        self.write(f"packages/{item}/agenticmodule.yaml", text)

    def extensions(self, *items: str, text: str = "") -> None:
        """Desire these extensions of ``packages``, written there where they are missing; ``text`` goes on top."""
        for item in items:
            if not (self.project / "packages" / item).exists():
                self.package(item)
        self.desired(text + "extensions:\n" + "".join(f"  {item}: ./packages/{item}\n" for item in items))

    def locked(self) -> Any:
        """The only entry of the lock."""
        (entry,) = yaml.safe_load((self.project / "llamagate.lock.yaml").read_text())["items"]
        return entry

    # The home

    def installed(self, item: str, path: str = "") -> Path:
        """An extension's installed folder, or a file in it."""
        return self.home / "extensions" / "installed" / item / path

    @property
    def registry(self) -> Path:
        return self.home / "registry" / "installed.json"

    def registered(self) -> dict[str, Any]:
        """The registry's entries by id."""
        return {entry["id"]: entry for entry in json.loads(self.registry.read_bytes())}

    @property
    def ours(self) -> Path:
        return self.home / "reconciler"

    def record(self) -> Any:
        """What our record says."""
        return record_of(self.ours)

    def write_record(self, record: Any) -> None:
        write_record(self.ours, record)

    def generation(self, number: int) -> Any:
        """What a generation says."""
        return generation_of(self.ours, number)

    def generation_path(self, number: int) -> Path:
        return generation_path(self.ours, number)

    def generations(self) -> list[int]:
        """Those that are kept."""
        return sorted(int(path.name.split(".")[0]) for path in (self.ours / "generations").iterdir())

    @property
    def journal(self) -> Path:
        return self.ours / "journal"

    def everything(self) -> Snapshot:
        """The home and the project, but for the lock, whose line names its last holder."""
        found = {**snapshot(self.home), **snapshot(self.project)}
        found.pop(str(self.ours / "lock"), None)
        return found


def snapshot(folder: Path) -> Snapshot:
    """Everything below ``folder``."""
    return {str(path): _portrait(path) for path in sorted(folder.rglob("*"))}


def contents(folder: Path) -> dict[str, bytes]:
    """The files below ``folder``: path in it → content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stamps(*folders: Path) -> dict[str, tuple[int, int, int]]:
    """What moves when anything below ``folders`` is written, or replaced by the same: inode and times."""
    found = {path: path.lstat() for folder in folders for path in folder.rglob("*")}
    return {str(path): (status.st_ino, status.st_mtime_ns, status.st_ctime_ns) for path, status in found.items()}


def _portrait(path: Path) -> tuple[int, str | bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return mode, str(path.readlink())
    return mode, path.read_bytes() if stat.S_ISREG(mode) else ""


def _measured() -> dict[str, str]:
    """What a process needs so that a run under ``coverage`` counts it."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def _text(stream: io.TextIOWrapper) -> str:
    return "" if stream.closed else stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


def finished(running: subprocess.Popen[str]) -> Result:
    """The end of a process."""
    out, err = running.communicate(timeout=TIMEOUT_SECONDS)
    return Result(code=running.returncode, out=out or "", err=err or "")


@contextmanager
def ending_in(seconds: int) -> Iterator[None]:
    """``TimeoutError`` where the block waits for ever, also in the middle of a system call."""

    def late(*_: object) -> None:
        raise TimeoutError(f"after {seconds} s it still waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


HELD: Final = """\
import sys
from reconciler.apply import transaction
from reconciler.cli.app import main
real = transaction.roll_forward
def held(home, journal):
    print("held", flush=True)
    sys.stdin.readline()
    real(home, journal)
transaction.roll_forward = held
main()
"""


@contextmanager
def held(session: Session, *command: object) -> Iterator[subprocess.Popen[str]]:
    """A command that stands just behind its commit point until a line is written to its standard input."""
    with session.python(HELD, *command, stdin=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "held\n", running.communicate()
        try:
            yield running
        finally:
            running.kill()


def held_apply(session: Session, *arguments: object) -> AbstractContextManager[subprocess.Popen[str]]:
    """An apply that stands there."""
    return held(session, "apply", *arguments)


def interrupt(session: Session, *command: object) -> None:
    """A command that dies just behind its commit point, in a fork, which costs less than a process of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the threads that a fork lacks are of other tests
        child = os.fork()
    if not child:
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(transaction, "roll_forward", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                os.write(2, session.run(*command).err.encode())  # only a failure is ever seen
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert session.journal.exists()


def interrupt_apply(session: Session, *arguments: object) -> None:
    """An apply that dies there."""
    interrupt(session, "apply", *arguments)
