"""The deployment examples: the service manager accepts the unit, and every command line in them is one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from reconciler.cli.app import application
from tests.conftest import PROJECT

DEPLOY: Final = PROJECT / "examples" / "deploy"
UNITS: Final = ("llamagate-watch.service", "llamagate-serve.service")


def of_the_unit(name: str = UNITS[0], key: str = "ExecStart") -> list[str]:
    start = re.search(rf"^{key}=(\S+(?:.*\\\n)*.*)$", (DEPLOY / name).read_text("utf-8"), re.MULTILINE)
    assert start
    return shlex.split(start[1].replace("\\\n", " "))[1:]


def of_the_host() -> list[str]:
    return of_the_unit(UNITS[1])


def before_the_host() -> list[str]:
    return of_the_unit(UNITS[1], "ExecStartPre")


def of_the_image() -> list[str]:
    command = re.search(r"^CMD (\[.*\])$", (DEPLOY / "Containerfile").read_text("utf-8"), re.MULTILINE)
    assert command
    arguments: list[str] = json.loads(command[1])
    return arguments


def of_the_deployment() -> list[str]:
    deployment = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    containers = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["containers"]}
    arguments: list[str] = containers["watcher"]["args"]
    return arguments


@pytest.mark.parametrize("example", [of_the_unit, of_the_host, before_the_host, of_the_image, of_the_deployment])
def test_its_command_line_is_one(example: Any) -> None:
    verb, *arguments = example()
    command = application().get_command(None, verb)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known
    command.make_context(verb, arguments)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_accepted(tmp_path: Path, name: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for other in UNITS:
        text = (DEPLOY / other).read_text("utf-8")
        (tmp_path / other).write_text(text.replace("/opt/llamagate/bin/llamagate", str(shutil.which("true"))))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
