"""``docs/fleet.md`` as it stands, on three hosts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Session
from tests.docs.pages import command_in, is_printed, page, run_blocks, shell_blocks, shown_lines
from tests.fleet.controller import Controller
from tests.fleet.network import network
from tests.fleet.tools import needs
from tests.fleet.wheels import small_wheel

NAMES: Final = [f"notes-{number}.example.org" for number in (1, 2, 3)]
_CATALOG: Final = "https://packages.example.org/catalog"
_SECONDS: Final = 1500


def test_every_block_has_a_name_of_its_own() -> None:
    names = [block for block, _ in shell_blocks(page("fleet.md"))]
    assert len(names) == page("fleet.md").count("```sh") == len(set(names))


@pytest.mark.long  # six runs of Ansible, and an environment
def test_from_one_host_to_three_rings(tmp_path: Path) -> None:
    (playbook,) = needs("ansible-playbook")
    (tmp_path / "hosts").mkdir()
    text = page("fleet.md").replace(_CATALOG, f"{tmp_path}/fleet/catalog")
    command_in(tmp_path, fresh=True)
    small_wheel(tmp_path, "0.1.0", runs=True)
    with network(tmp_path / "hosts", "h1", "h2", "h3") as hosts:
        (tmp_path / "session").mkdir()
        controller = Controller(network=hosts, session=Session(tmp_path / "session"))
        with controller.controlled() as environment:
            (tmp_path / "fleet" / "host_vars").mkdir(parents=True)
            for place, name in zip(hosts.names, NAMES, strict=True):
                known = {**controller.variables(place), **(_made_by_the_role(tmp_path) if place == "h1" else {})}
                (tmp_path / "fleet" / "host_vars" / f"{name}.json").write_text(json.dumps(known))
            path = [str(tmp_path / ".venv" / "bin"), str(Path(playbook).parent), os.environ["PATH"]]
            blocks = {name: code.replace("mkdir fleet\n", "") for name, code in shell_blocks(text)}
            del blocks["promote"]  # for hosts that follow branches: test_branches.py runs it
            said = run_blocks(
                [*blocks.values()],
                tmp_path,
                {**environment, "PATH": os.pathsep.join(path), "LLAMAGATE_HOME": f"{tmp_path}/none"},
                inside=hosts.inside(),
                seconds=_SECONDS,
            )
        printed = dict(zip(blocks, said, strict=True))
        missing = [
            line
            for block, lines in shown_lines(text)
            for line in lines
            if block in printed and not is_printed(f"…{line.strip()}…", printed[block])
        ]
        assert missing == [], printed
        assert (tmp_path / "opt" / "bin" / "llamagate").exists()
        found = [controller.installed_in(Path(known_home)) for known_home in _homes(tmp_path, controller)]
        assert found == [{"priority-rules": "1.1.0"}] * 3


def _made_by_the_role(folder: Path) -> dict[str, object]:
    """The places of the host that the role makes, below the folder of the test."""
    return {
        "llamagate_user": "root",
        "llamagate_environment": str(folder / "opt"),
        "llamagate_executable": str(folder / "opt" / "bin" / "llamagate"),
        "llamagate_folder": str(folder / "etc"),
        "llamagate_file": str(folder / "etc" / "llamagate.yaml"),
        "llamagate_state": str(folder / "state"),
        "llamagate_home": str(folder / "state" / ".llamagate"),
        "llamagate_logs": str(folder / "logs"),
        "llamagate_unit_folder": str(folder),
        "llamagate_service": False,
        "llamagate_pip_arguments": f"--no-index --no-deps --find-links {folder}",
    }


def _homes(folder: Path, controller: Controller) -> list[str]:
    return [str(folder / "state" / ".llamagate"), *(str(controller.place(name, "home")) for name in ("h2", "h3"))]
