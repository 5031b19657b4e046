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
DROP_IN: Final = "llamagate-serve-upstream.conf"
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


def containers() -> dict[str, Any]:
    documents = [*yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))]
    (pod,) = (one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment")
    return {one["name"]: one for one in (*pod["initContainers"], *pod["containers"])}


def of_the_deployment() -> list[str]:
    arguments: list[str] = containers()["watcher"]["args"]
    return arguments


def of_the_deployed_host() -> list[str]:
    arguments: list[str] = containers()["host"]["args"]
    return arguments


def in_front_of_a_gateway() -> list[str]:
    _, start = re.findall(r"^ExecStart=((?:.*\\\n)*.*)$", (DEPLOY / DROP_IN).read_text("utf-8"), re.MULTILINE)
    return shlex.split(start.replace("\\\n", " "))[1:]


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    return found


def of_the_services() -> list[str]:
    arguments: list[str] = services()["host"]["command"]
    return [part for argument in arguments for part in argument.split("=", 1)]


@pytest.mark.parametrize(
    "example",
    [
        of_the_unit,
        of_the_host,
        before_the_host,
        in_front_of_a_gateway,
        of_the_image,
        of_the_deployment,
        of_the_deployed_host,
        of_the_services,
    ],
)
def test_its_command_line_is_one(example: Any) -> None:
    verb, *arguments = example()
    command = application().get_command(None, verb)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {argument.partition("=")[0] for argument in arguments if argument.startswith("--")} <= known
    command.make_context(verb, arguments)


@pytest.mark.parametrize("with_drop_in", [False, True], ids=["alone", "upstream"])
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_accepted(tmp_path: Path, name: str, with_drop_in: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    files = {other: other for other in UNITS} | ({f"{UNITS[1]}.d/upstream.conf": DROP_IN} if with_drop_in else {})
    for place, file in files.items():
        (tmp_path / place).parent.mkdir(exist_ok=True)
        text = (DEPLOY / file).read_text("utf-8")
        (tmp_path / place).write_text(text.replace("/opt/llamagate/bin/llamagate", str(shutil.which("true"))))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_services_fit_together() -> None:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    found = services()
    mounts = [mount for one in found.values() for mount in one.get("volumes", []) if not mount.startswith(".")]
    assert {mount.partition(":")[0] for mount in mounts} == set(document["volumes"])
    assert all(set(one.get("depends_on", [])) <= set(found) for one in found.values())
    gateway, command = found["gateway"], of_the_services()
    assert command[command.index("--upstream") + 1] == f"http://gateway:{gateway['environment']['PORT']}"
    port = command[command.index("--port") + 1]
    assert found["host"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/livez" in found["host"]["healthcheck"]["test"][-1]
    assert (DEPLOY / found["host"]["build"]["context"]).resolve() == PROJECT
    assert (PROJECT / found["host"]["build"]["dockerfile"]).is_file()


def test_gateway_and_host_are_the_same_user_and_see_one_home() -> None:
    user = re.search(r"^USER (\S+)$", (DEPLOY / "Containerfile").read_text("utf-8"), re.MULTILINE)
    assert user
    gateway, host = services()["gateway"], services()["host"]
    assert gateway["user"] == user[1]
    assert gateway["volumes"][0] == host["volumes"][0]


def test_a_new_volume_of_the_image_is_its_users() -> None:
    """It takes its owner from the folder in the image, which must be there before the volume is named."""
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    volume = re.search(r"^VOLUME (\S+)$", text, re.MULTILINE)
    user = re.search(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert volume
    assert user
    made = f"install --directory --owner={user[1]} --group={user[2]} --mode=0700 {volume[1]}\n"
    assert made in text[: volume.start()]
