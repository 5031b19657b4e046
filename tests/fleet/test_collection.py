"""What Ansible's own checkers say of the collection, and the unit that its role writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import PROJECT
from tests.docs.test_deploy import DEPLOY
from tests.fleet.controller import COLLECTIONS
from tests.fleet.tools import FLEET, needs
from tests.fleet.wheels import small_wheel

COLLECTION: Final = COLLECTIONS / "ansible_collections" / "llamagate" / "llamagate"


def environment(folder: Path) -> dict[str, str]:
    bin_ = Path(needs("ansible-playbook")[0]).parent
    return {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_PIPELINING": "true",
    }


def ended_well(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def test_lint_in_its_strictest_profile(tmp_path: Path) -> None:
    (lint,) = needs("ansible-lint")
    copy = tmp_path / "ansible_collections" / "llamagate" / "llamagate"  # it writes beside what it reads
    shutil.copytree(COLLECTION, copy)
    variables = {**environment(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    said = ended_well([lint, "--offline", "--strict", "--nocolor"], cwd=copy, env=variables)
    assert "Passed" in said
    assert "'production'" in said


def sanity(*tests: str, options: tuple[str, ...] = ()) -> None:
    if not (FLEET / "sanity" / ".ansible" / "test" / "venv").is_dir():
        pytest.skip("not installed: what ansible-test needs; nox -s setup-fleet installs it")
    ended_well([str(PROJECT / ".ci" / "sanity"), *tests, "--", *options])


def test_sanity() -> None:
    sanity("validate-modules", "pep8", "import")


@pytest.mark.long
def test_all_of_sanity() -> None:
    sanity(options=("--requirements", "--skip-test", "pylint"))


def test_the_unit_of_the_role_is_the_one_of_the_examples(tmp_path: Path) -> None:
    (playbook,) = needs("ansible-playbook")
    text = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: ["%(role)s/defaults/main.yml"]
  tasks:
    - ansible.builtin.template: {src: %(role)s/templates/llamagate-watch.service.j2, dest: %(here)s/made.service}
    - ansible.builtin.template: {src: %(role)s/templates/llamagate-watch.service.j2, dest: %(here)s/follows.service}
      vars:
        llamagate_repository: https://example.org/our%%20site.git
        llamagate_path: prod
        llamagate_signers: "ada@example.org ssh-ed25519 AAAA"
        llamagate_textfile_folder: /var/lib/prometheus/node-exporter
"""
    (tmp_path / "play.yml").write_text(text % {"role": COLLECTION / "roles" / "host", "here": tmp_path})
    ended_well([playbook, str(tmp_path / "play.yml")], env=environment(tmp_path), cwd=tmp_path)
    assert (tmp_path / "made.service").read_text() == (DEPLOY / "llamagate-watch.service").read_text()
    follows = (tmp_path / "follows.service").read_text()
    assert "--repo https://example.org/our%%20site.git --ref main" in follows  # '%' begins a name for systemd
    assert "--path prod" in follows
    assert "--allowed-signers /etc/llamagate/allowed_signers" in follows
    assert "ReadWritePaths=/var/lib/prometheus/node-exporter" in follows
    assert "--metrics-file /var/lib/prometheus/node-exporter/llamagate-watch.prom" in follows
    assert "--file" not in follows


def role(folder: Path, wheel: Path, **variables: object) -> str:
    """Run the role on this machine, below ``folder``; what Ansible prints."""
    (playbook,) = needs("ansible-playbook")
    places = {
        "llamagate_user": "root",
        "llamagate_environment": folder / "opt",
        "llamagate_folder": folder / "etc",
        "llamagate_state": folder / "state",
        "llamagate_logs": folder / "logs",
        "llamagate_unit_folder": folder,
        "llamagate_wheel": wheel,
        "llamagate_service": False,
        "llamagate_first_content": "apiVersion: llamagate/v1\n",
        **variables,
    }
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": ["llamagate.llamagate.host"]}]
    (folder / "play.json").write_text(json.dumps(play))
    given = json.dumps(places, default=str)
    return ended_well([playbook, str(folder / "play.json"), "-e", given], env=environment(folder), cwd=folder)


def test_the_role_makes_a_host(tmp_path: Path) -> None:
    """As root, with every folder and the unit below a folder of the test, and with a user that is there."""
    if os.getuid() != 0:
        pytest.skip("the role needs root")
    (tmp_path / "etc").mkdir()
    said = role(tmp_path, small_wheel(tmp_path, "1.0.0"))
    assert ended_well([str(tmp_path / "opt" / "bin" / "llamagate")]) == "1.0.0\n"
    assert (tmp_path / "llamagate-watch.service").exists()
    file = tmp_path / "etc" / "llamagate.yaml"
    file.write_text("apiVersion: llamagate/v1\nowner: here\n")  # as a rollout brings it
    said = role(tmp_path, tmp_path / "llamagate-1.0.0-py3-none-any.whl")
    assert re.search(r"changed=0 ", said), said
    role(tmp_path, small_wheel(tmp_path, "1.1.0"))
    assert ended_well([str(tmp_path / "opt" / "bin" / "llamagate")]) == "1.1.0\n"
    assert "owner: here" in file.read_text()


def test_the_role_wants_a_pinned_package(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="with a version"):
        role(tmp_path, Path(), llamagate_wheel="", llamagate_package="llamagate[host]")
