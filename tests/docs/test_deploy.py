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
UNIT: Final = (DEPLOY / "llamagate-watch.service").read_text("utf-8")


def of_the_unit() -> list[str]:
    start = re.search(r"^ExecStart=(\S+(?:.*\\\n)*.*)$", UNIT, re.MULTILINE)
    assert start
    return shlex.split(start[1].replace("\\\n", " "))[1:]


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


@pytest.mark.parametrize("example", [of_the_unit, of_the_image, of_the_deployment])
def test_its_command_line_is_one(example: Any) -> None:
    verb, *arguments = example()
    command = application().get_command(None, verb)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known
    command.make_context(verb, arguments)


def test_the_unit_is_accepted(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "llamagate-watch.service"
    unit.write_text(UNIT.replace("/opt/llamagate/bin/llamagate", str(shutil.which("true"))))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
