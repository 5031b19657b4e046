"""The machine that Ansible runs on: it makes the file, and brings the hosts to it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.fleet.network import PORT, Network
from tests.fleet.tools import needs

HOSTS: Final = ("one", "two", "three")
RINGS: Final = ["ring1", "ring2", "ring3"]
"""Of one host each."""
LATER: Final = "later"
"""The host of the ring that comes after the three."""
COLLECTIONS: Final = PROJECT / "integrations" / "ansible"
_SECONDS: Final = 180
_QUICK: Final = "-o ControlMaster=auto -o ControlPersist=60s -o ConnectTimeout=2 -o ServerAliveInterval=1"
"""A dead link is noticed sooner than with the settings of the playbook, which one test keeps."""

_COMMAND: Final = """\
#!/bin/sh
export PYTHONPATH={project}
{hook}
exec {python} -B -m reconciler "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Play:
    """How a run of Ansible ended, and what it printed."""

    code: int
    out: str
    seconds: float = 0.0

    def recap(self, host: str) -> dict[str, int]:
        """Its figures of a host: ``changed``, ``failed``, ``unreachable`` …; empty where it never came to it."""
        found = re.findall(rf"^{host} +: (.*)$", self.out, re.MULTILINE)
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", found[-1] if found else "")}


@dataclass
class Controller:
    """``session`` holds the file, its packages and the pins."""

    network: Network
    session: Session
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name in self.network.names:
            self.hook(name, "")

    # The hosts

    def place(self, host: str, *parts: str) -> Path:
        return self.network.folder.joinpath(host, *parts)

    def hook(self, host: str, script: str) -> None:
        """What the command of a host does before anything else."""
        command = self.place(host, "llamagate")
        text = _COMMAND.format(project=PROJECT, python=sys.executable, hook=script)
        command.write_text(text)
        command.chmod(0o755)

    def reset(self) -> None:
        """Hosts without a home, all of which can be reached."""
        self.network.mend()
        for name in self.network.names:
            shutil.rmtree(self.place(name))
            self.place(name).mkdir()
            self.hook(name, "")

    def installed(self, host: str) -> dict[str, str]:
        """Each installed extension of a host, and its version."""
        return self.installed_in(self.place(host, "home"))

    @staticmethod
    def installed_in(home: Path) -> dict[str, str]:
        registry = home / "registry" / "installed.json"
        if not registry.exists():
            return {}
        return {one["id"]: one["version"] for one in json.loads(registry.read_text())}

    def file(self, host: str) -> Path:
        return self.place(host, "llamagate.yaml")

    # The file

    def release(self, version: str, *items: str) -> None:
        """A file that lists packages of that version, and its lock. Each version keeps its folder."""
        items = items or ("notes",)
        for item in items:
            folder = f"packages/{item}-{version}"
            self.session.package(item, version=version)
            (self.session.project / "packages" / item).rename(self.session.project / folder)
        lines = [f"  {item}: {self.session.project}/packages/{item}-{version}\n" for item in items]
        self.session.desired("extensions:\n" + "".join(lines))
        self.session.llamagate("lock")

    @property
    def options(self) -> dict[str, Any]:
        """The options of ``state`` with which a host gets the file."""
        return {
            "content": (self.session.project / "llamagate.yaml").read_text(),
            "lock": (self.session.project / "llamagate.lock.yaml").read_text(),
        }

    # Ansible

    def module(self, host: str, name: str, *flags: str, exits: int = 0, **options: Any) -> dict[str, Any]:
        """The result of a module on one host."""
        place = {"file": "{{ llamagate_file }}", "home": "{{ llamagate_home }}"}
        given = json.dumps({**place, "executable": "{{ llamagate_executable }}", **options})
        results = self.session.base / f"results-{next(self.numbers)}"
        play = self._run("ansible", host, "-t", str(results), "-m", f"llamagate.llamagate.{name}", "-a", given, *flags)
        assert play.code == exits, play.out
        found: dict[str, Any] = json.loads((results / host).read_text())
        return {**found, "printed": play.out}

    def without_change(self, group: str, *, is_bare: bool) -> None:
        """Ask each host of a group to do nothing, or to be as it is."""
        place = {"file": "{{ llamagate_file }}", "home": "{{ llamagate_home }}"}
        options = json.dumps({**place, "executable": "{{ llamagate_executable }}", **self.options})
        asked = ["-m", "raw", "-a", "true"] if is_bare else ["-m", "llamagate.llamagate.state", "-a", options]
        play = self._run("ansible", group, *asked)
        assert play.code == 0, play.out
        assert is_bare or "CHANGED" not in play.out

    def playbook(self, name: str, *flags: str, shipped: bool = False, **variables: Any) -> Play:
        """Run a playbook of the collection."""
        given = {"llamagate_source": str(self.session.project / "llamagate.yaml"), **variables}
        if not shipped:
            given.setdefault("llamagate_ssh_args", _QUICK)
        return self._run("ansible-playbook", f"llamagate.llamagate.{name}", "-e", json.dumps(given), *flags)

    def shell(self, code: str, folder: Path) -> Play:
        """Commands of a page, in which ``hosts.yml`` is the inventory."""
        code = code.replace("hosts.yml", str(self._inventory()))
        with self.controlled() as environment:
            command = self.network.inside("bash", "-euo", "pipefail", "-c", code)
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS
            )
        return Play(code=done.returncode, out=done.stdout + done.stderr)

    def _run(self, program: str, *arguments: str) -> Play:
        (path,) = needs(program)
        with self.controlled(self.network.sockets if program == "ansible" else None) as environment:
            command = self.network.inside(path, "-i", str(self._inventory()), *arguments)
            done = subprocess.run(
                command, cwd=self.session.project, env=environment, capture_output=True, text=True, timeout=_SECONDS
            )
        return Play(code=done.returncode, out=done.stdout + done.stderr)

    @contextmanager
    def controlled(self, sockets: Path | None = None) -> Iterator[dict[str, str]]:
        """The environment of a run, with connections of its own where it shares none. Their path must be short."""
        with tempfile.TemporaryDirectory(prefix="lg", dir="/tmp") as folder:
            yield {
                "PATH": f"{Path(needs('ansible')[0]).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.session.base / "user"),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_HOME": str(self.session.base / "ansible"),
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_HOST_KEY_CHECKING": "false",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets or folder),
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_NOCOLOR": "true",
                "ANSIBLE_DEPRECATION_WARNINGS": "false",
            }

    def _inventory(self) -> Path:
        hosts = {name: self.variables(name) for name in self.network.names}
        groups: dict[str, list[str]] = {f"ring{number}": [name] for number, name in enumerate(hosts, 1)}
        groups["batch"] = [*hosts][:3]
        groups |= {name: [host] for name, host in zip(("canary", "early", "rest"), HOSTS, strict=True)}
        children: dict[str, Any] = {group: {"hosts": {name: {} for name in names}} for group, names in groups.items()}
        path = self.session.base / f"hosts-{next(self.numbers)}.json"
        path.write_text(json.dumps({"all": {"hosts": hosts, "children": children}}))
        return path

    def variables(self, name: str) -> dict[str, Any]:
        return {
            "ansible_host": self.network.address(name),
            "ansible_port": PORT,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.network.folder / "user-key"),
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.place(name, "ansible")),
            "llamagate_file": str(self.file(name)),
            "llamagate_home": str(self.place(name, "home")),
            "llamagate_executable": str(self.place(name, "llamagate")),
        }
