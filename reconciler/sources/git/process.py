"""One run of a program in a process group of its own: ended at its deadline, and with the process that started it."""

from __future__ import annotations

import atexit
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

_CHUNK_BYTES: Final = 1 << 16
_MAX_OUTPUT_BYTES: Final = 64 << 20
_MAX_STDERR_BYTES: Final = 1 << 16


class OutputTooLargeError(Exception):
    """The program printed more than it is listened to."""


class GitCommand(Struct, frozen=True, kw_only=True):
    """What is run, where, and with which environment: there is no other."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


class Finished(Struct, frozen=True, kw_only=True):
    """How a run ended: exit code (negative: by that signal), standard output, the end of standard error."""

    code: int
    out: bytes
    err: bytes


def run(command: GitCommand, *, seconds: float, given: bytes = b"", file_size: int | None = None) -> Finished:
    """Run ``command`` to its end with ``given`` as its input; a file that it writes has at most ``file_size`` bytes.

    Raises ``TimeoutError`` after ``seconds``, ``OutputTooLargeError``, and ``OSError`` where it does not start. It and
    all that it started are ended then, and where anything else interrupts.
    """
    deadline = time.monotonic() + seconds
    with tempfile.TemporaryFile() as stdin:
        stdin.write(given)
        stdin.seek(0)
        with _started(command, stdin) as process:
            if file_size is not None:
                _limit_files(process, file_size)
            out, err = _outputs(process, deadline)
            code = _waited(process, deadline)
    return Finished(code=code, out=out, err=err)


def spawn(command: GitCommand, *, stdin: IO[bytes] | int, stderr: int) -> subprocess.Popen[bytes]:
    """Start ``command`` in a process group of its own. Its output is a pipe, and the caller ends it."""
    return subprocess.Popen(  # noqa: S603 - the arguments are a list, and what comes from outside was checked
        command.arguments,
        env=command.environment,
        cwd=command.folder,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        restore_signals=False,  # SIGXFSZ stays ignored, so that git can say that a file grew too large
    )


@contextmanager
def _started(command: GitCommand, stdin: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    with spawn(command, stdin=stdin, stderr=subprocess.PIPE) as process:
        _RUNNING.add(process)
        try:
            yield process
        finally:
            _RUNNING.discard(process)
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:  # not waited for yet, so the number still belongs to this group
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


_RUNNING: Final[set[subprocess.Popen[bytes]]] = set()
"""What threads that nobody waits for leave behind when this process ends."""


@atexit.register
def _end_all() -> None:
    for process in [*_RUNNING]:
        _end(process)


def _limit_files(process: subprocess.Popen[bytes], size: int) -> None:
    """Bound what the process and its children write into one file, where the system can do that from outside."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if hasattr(resource, "prlimit"):
        with suppress(OSError, ValueError):  # it has ended already, or may do even less
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))


def _outputs(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, kept in ((process.stdout, out), (process.stderr, err)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, kept)
        while selector.get_map():
            for key, _ in selector.select(_left(deadline)):
                chunk = os.read(key.fd, _CHUNK_BYTES)
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            del err[:-_MAX_STDERR_BYTES]
            if len(out) > _MAX_OUTPUT_BYTES:
                raise OutputTooLargeError
    return bytes(out), bytes(err)


def _waited(process: subprocess.Popen[bytes], deadline: float) -> int:
    try:
        return process.wait(_left(deadline))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
