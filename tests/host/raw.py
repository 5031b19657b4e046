"""A host as a process, and connections to it that no client library would make."""

from __future__ import annotations

import re
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.cli.shell import Session


@dataclass
class Process:
    """A host that serves; ``said`` is what it has written to standard error so far."""

    running: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return next(line.split()[-1] for line in self.said if "serving at " in line)

    @property
    def port(self) -> int:
        return int(re.findall(r"\d+", self.url)[-1])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, data: bytes) -> bytes:
        """What it answers to ``data``, as far as it comes at once."""
        with self.connect() as caller:
            caller.sendall(data)
            return caller.recv(65536)

    def status(self, path: str = "/v1/extensions", **headers: str) -> int:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
        answer = self.ask(f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        return int(answer.split()[1]) if answer else 0


@contextmanager
def host(session: Session, *arguments: object, descriptors: int = 0) -> Iterator[Process]:
    """A host in a process of its own, with so many descriptors."""
    with _descriptors(descriptors):
        started = session.process("serve", "--port", "0", *arguments)
    with started as running:
        process = Process(running)
        reader = threading.Thread(target=_read, args=(process,))
        reader.start()
        try:
            if not until(lambda: any("serving at " in line for line in process.said) or running.poll() is not None):
                pytest.fail("".join(process.said))
            yield process
        finally:
            running.kill()
            reader.join()


def until(holds: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it holds in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _read(process: Process) -> None:
    assert process.running.stderr is not None
    for line in process.running.stderr:
        process.said.append(line)


@contextmanager
def _descriptors(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
