"""Many homes on one machine that follow one repository and take packages from one catalog: what each of them asks for.

``python -m tests.fleet.simulation 100`` prints the figures of ``docs/fleet.md``.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.sources.git_servers import GitOverHttp, Origin, git_over_http
from tests.sources.http_server import HttpServer

CONNECTIONS: Final = 20
"""How many the servers allow at once, all together; more wait."""
AT_ONCE: Final = 25
_SECONDS: Final = 900

_HOSTS: Final = """\
import json, os, sys
from reconciler.cli import app, watch
from reconciler.loop import loop
jobs = json.load(sys.stdin)
running, codes = {}, {}
def wait():
    pid, status = os.wait()
    codes[running.pop(pid)] = os.waitstatus_to_exitcode(status)
for number, job in enumerate(jobs["hosts"]):
    if len(running) == jobs["at_once"]:
        wait()
    pid = os.fork()
    if pid:
        running[pid] = number
        continue
    code = 1
    try:
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["variables"])
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1); os.dup2(log, 2)
        sys.argv = ["llamagate", *job["arguments"]]
        app.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)
while running:
    wait()
print(json.dumps([codes[number] for number in range(len(jobs["hosts"]))]))
"""


class Gate:
    """Stands before a server: lets so many in at once, and counts what goes through."""

    def __init__(self, port: int, places: threading.Semaphore) -> None:
        self.bytes = 0
        self.most = 0
        self._now = 0
        self._target = port
        self._places = places
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            self._places.acquire()
            try:
                caller, _ = self._listener.accept()
            except OSError:
                self._places.release()
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            with caller, socket.create_connection(("127.0.0.1", self._target)) as server:
                back = threading.Thread(target=self._copy, args=(server, caller), daemon=True)
                back.start()
                self._copy(caller, server)
                back.join()
        except OSError:
            pass
        finally:
            with self._lock:
                self._now -= 1
            self._places.release()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                with self._lock:
                    self.bytes += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one host asked for in a phase, on the average: requests and bytes, both ways, of repository and catalog."""

    hosts: int
    codes: list[int]
    requests: tuple[float, float]
    bytes: tuple[float, float]


@dataclass
class Fleet:
    """``names`` are the hosts, each a folder with a home."""

    folder: Path
    repository: GitOverHttp
    catalog: HttpServer
    gates: tuple[Gate, Gate]
    origin: Origin
    site: Session
    names: list[str] = field(default_factory=list)

    def publish(self, version: str) -> None:
        """A package in the catalog, and a commit whose lock takes it."""
        self.site.package("notes", version=version, files={"prompt.md": f"Be brief. {version}\n" * 200})
        packed = self.catalog.folder
        assert packed is not None
        shutil.copytree(self.site.project / "packages" / "notes", packed / f"notes-{version}")
        self.site.llamagate("catalog", "build", packed)
        place = f"http://127.0.0.1:{self.gates[1].port}/"
        self.site.desired(f"extensions:\n  notes: {{source: {{catalog: '{place}'}}, version: ^1}}\n")
        self.site.llamagate("lock", "--upgrade")
        names = ("llamagate.yaml", "llamagate.lock.yaml")
        self.origin.commit({f"site/{name}": (self.site.project / name).read_text() for name in names})

    def hosts(self, number: int) -> None:
        self.names = [f"host-{one}" for one in range(number)]
        for name in self.names:
            (self.folder / name).mkdir()

    def look(self) -> Figures:
        """Each host looks once, many at the same time."""
        self.repository.requests.clear()
        self.catalog.requests.clear()
        before = [gate.bytes for gate in self.gates]
        url = f"http://127.0.0.1:{self.gates[0].port}/origin/.git"
        arguments = ["watch", "--once", "--locked", "--repo", url, "--path", "site"]
        jobs = [
            {
                "folder": str(self.folder / name),
                "arguments": arguments,
                "variables": {
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder / name),
                    "LLAMAGATE_HOME": str(self.folder / name / "home"),
                },
            }
            for name in self.names
        ]
        done = subprocess.run(
            [sys.executable, "-B", "-c", _HOSTS],
            input=json.dumps({"hosts": jobs, "at_once": AT_ONCE}),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        size = len(self.names)
        asked = (len(self.repository.requests), len(self.catalog.requests))
        moved = [gate.bytes - old for gate, old in zip(self.gates, before, strict=True)]
        return Figures(
            hosts=size,
            codes=json.loads(done.stdout),
            requests=(asked[0] / size, asked[1] / size),
            bytes=(moved[0] / size, moved[1] / size),
        )

    def versions(self) -> set[str]:
        """Which versions are installed anywhere."""
        found = set()
        for name in self.names:
            registry = self.folder / name / "home" / "registry" / "installed.json"
            found |= {one["version"] for one in json.loads(registry.read_text())} if registry.exists() else {"none"}
        return found


@contextmanager
def fleet(folder: Path, number: int) -> Iterator[Fleet]:
    """``number`` hosts without homes, and servers for them."""
    places = threading.Semaphore(CONNECTIONS)
    (folder / "catalog").mkdir()
    (folder / "site").mkdir()
    with ExitStack() as stack:
        origin = Origin(folder / "served" / "origin")
        repository = stack.enter_context(git_over_http(folder / "served"))
        catalog = stack.enter_context(HttpServer(folder=folder / "catalog"))
        gates = (Gate(repository.port, places), Gate(catalog.port, places))
        for gate in gates:
            stack.callback(gate.close)
        site = Session(folder / "site")
        made = Fleet(folder=folder, repository=repository, catalog=catalog, gates=gates, origin=origin, site=site)
        made.hosts(number)
        yield made


def phases(made: Fleet) -> dict[str, Figures]:
    """The life of a fleet: the first look, one that finds nothing, and a release."""
    made.publish("1.0.0")
    found = {"first": made.look(), "nothing new": made.look()}
    made.publish("1.1.0")
    return {**found, "release": made.look()}


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, fleet(Path(folder), int(sys.argv[1])) as made:
        for name, one in phases(made).items():
            failed = sum(code != 0 for code in one.codes)
            repository, catalog = (f"{one.requests[at]:5.2f} requests {one.bytes[at]:8.0f} bytes" for at in range(2))
            print(f"{name:12} repository {repository}   catalog {catalog}   failed {failed}")  # noqa: T201
        print("versions", made.versions(), "connections", max(gate.most for gate in made.gates))  # noqa: T201


if __name__ == "__main__":
    main()
