"""Hosts for Ansible: network namespaces on a bridge, each with Debian's sshd, and one more for the controller.

Nothing of the machine's own network is touched: bridge and addresses are in namespaces, and go with them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.fleet.tools import needs

PORT: Final = 2222
_SECONDS: Final = 20


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@dataclass
class Network:
    """``names`` are the hosts; ``folder`` holds what each of them keeps, in a folder of its name."""

    folder: Path
    names: tuple[str, ...]
    mark: str
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    sockets: Path = Path("/tmp")  # noqa: S108 - replaced: their paths must be short
    """Where connections are kept that several runs share."""

    @property
    def controller(self) -> str:
        return f"{self.mark}-c"

    def namespace(self, name: str) -> str:
        return f"{self.mark}-{name}"

    def address(self, name: str) -> str:
        return f"198.51.100.{10 + self.names.index(name)}"  # for documentation: nobody's

    def inside(self, *command: str) -> list[str]:
        """``command`` as the controller runs it."""
        return ["ip", "netns", "exec", self.controller, *command]

    def cutting(self, name: str) -> list[str]:
        """The command that cuts a host off, without a word to either end."""
        return self.inside("ip", "link", "set", name, "down")

    def cut(self, name: str) -> None:
        subprocess.run(self.cutting(name), check=True)

    def processor_seconds(self) -> float:
        """What all processes of the hosts have used, with those that ended and were waited for."""
        found = 0
        for name in self.names:
            listed = subprocess.run(["ip", "netns", "pids", self.namespace(name)], capture_output=True, text=True)
            for pid in listed.stdout.split():
                with suppress(FileNotFoundError):
                    figures = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
                    found += sum(map(int, figures[11:15]))
        return found / os.sysconf("SC_CLK_TCK")

    def mend(self) -> None:
        """Every host can be reached again."""
        for name in self.names:
            subprocess.run(self.inside("ip", "link", "set", name, "up"), check=True)
        self._wait()

    def begin(self) -> None:
        _ip("netns", "add", self.controller)
        inside = ("-n", self.controller)
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "link", "add", "bridge", "type", "bridge")
        _ip(*inside, "address", "add", "198.51.100.1/24", "dev", "bridge")
        _ip(*inside, "link", "set", "bridge", "up")
        self._make_keys()
        for name in self.names:
            self._add(name)
        self._wait()

    def _make_keys(self) -> None:
        for name in ("host-key", "user-key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)], check=True)

    def _add(self, name: str) -> None:
        space = self.namespace(name)
        _ip("netns", "add", space)
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", self.controller, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self.controller, "link", "set", name, "master", "bridge", "up")
        _ip("-n", space, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        (self.folder / name).mkdir()
        self.servers.append(self._serve(space))

    def _serve(self, space: str) -> subprocess.Popen[bytes]:
        (sshd,) = needs("sshd")
        options = {
            "AuthorizedKeysFile": self.folder / "user-key.pub",
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PermitRootLogin": "prohibit-password",
            "MaxStartups": "100",
            "Subsystem": "sftp internal-sftp",
        }
        command = ["ip", "netns", "exec", space, sshd, "-D", "-e", "-f", "/dev/null", "-p", str(PORT)]
        command += ["-h", str(self.folder / "host-key")]
        command += [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        with (self.folder / f"{space}.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _wait(self) -> None:
        end = time.monotonic() + _SECONDS
        for name in self.names:
            look = self.inside("bash", "-c", f"exec 3<>/dev/tcp/{self.address(name)}/{PORT}")
            while subprocess.run(look, capture_output=True, timeout=_SECONDS).returncode:
                assert time.monotonic() < end, (self.folder / f"{self.namespace(name)}.log").read_text()
                time.sleep(0.02)

    def close(self) -> None:
        """End what runs in the namespaces, which are ours, and remove them."""
        for space in (self.controller, *map(self.namespace, self.names)):
            found = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
            for pid in found.stdout.split():
                subprocess.run(["kill", "-9", pid], capture_output=True)
            subprocess.run(["ip", "netns", "delete", space], capture_output=True)
        for server in self.servers:
            server.wait(_SECONDS)


@contextmanager
def network(folder: Path, *names: str) -> Iterator[Network]:
    """Hosts that answer."""
    needs("ip", "sshd", "ssh", "ssh-keygen")
    if os.getuid() != 0 or subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        pytest.skip("network namespaces cannot be made here: that needs root")
    Path("/run/sshd").mkdir(exist_ok=True)
    made = Network(folder=folder, names=names, mark=f"lg{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="lg", dir="/tmp") as sockets:
        made.sockets = Path(sockets)
        try:
            made.begin()
            yield made
        finally:
            made.close()
