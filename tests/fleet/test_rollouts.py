"""The playbooks of the Ansible collection on real hosts: how a rollout goes, and how it ends."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.fleet.controller import HOSTS, RINGS, Controller, Play
from tests.fleet.network import Network


def test_a_rollout_goes_from_ring_to_ring(controller: Controller) -> None:
    controller.release("1.0.0")
    done = controller.playbook("rollout", llamagate_rings=RINGS)
    assert done.code == 0, done.out
    assert [controller.installed(host) for host in HOSTS] == [{"notes": "1.0.0"}] * 3
    assert [done.recap(host)["changed"] for host in HOSTS] == [1, 1, 1]
    again = controller.playbook("rollout", llamagate_rings=RINGS)
    assert [again.recap(host)["changed"] for host in HOSTS] == [0, 0, 0]


@pytest.mark.parametrize("rings", [[], ["ring1", "ring9"]], ids=["none", "misspelt"])
def test_a_ring_that_is_not_there_is_no_empty_ring(controller: Controller, rings: list[str]) -> None:
    controller.release("1.0.0")
    failed = controller.playbook("rollout", llamagate_rings=rings)
    assert failed.code != 0
    assert [controller.installed(host) for host in HOSTS] == [{}] * 3


def test_a_canary_that_fails_leaves_the_others_alone(controller: Controller) -> None:
    controller.release("1.0.0")
    controller.playbook("rollout", llamagate_rings=RINGS)
    (controller.place("one", "home", "extensions", "installed", "notes") / "manifest.yaml").write_text("mine\n")
    controller.release("1.1.0")
    failed = controller.playbook("rollout", llamagate_rings=RINGS)
    assert failed.code != 0
    assert failed.recap("one")["failed"] == 1, failed.out
    assert [failed.recap(host) for host in HOSTS[1:]] == [{}, {}]
    assert [controller.installed(host) for host in HOSTS[1:]] == [{"notes": "1.0.0"}] * 2


def test_a_ring_is_taken_back(controller: Controller) -> None:
    for version in ("1.0.0", "1.1.0"):
        controller.release(version)
        controller.playbook("rollout", llamagate_rings=RINGS[:2])
    for changed in (1, 0):  # once a host, however often it is run
        back = controller.playbook("rollback", llamagate_ring="ring1:ring2")
        assert (back.code, [back.recap(host)["changed"] for host in HOSTS[:2]]) == (0, [changed] * 2), back.out
        assert [controller.installed(host) for host in HOSTS] == [{"notes": "1.0.0"}, {"notes": "1.0.0"}, {}]


@pytest.mark.parametrize("same", [pytest.param(True, marks=pytest.mark.long), False], ids=["one file", "two files"])
def test_two_controllers_at_once(controller: Controller, hosts: Network, tmp_path: Path, same: bool) -> None:
    """Each home is whole; two rollouts that both end well left all hosts alike."""
    (tmp_path / "other").mkdir()
    other = Controller(network=hosts, session=Session(tmp_path / "other"))
    controller.release("1.0.0")
    other.release("1.0.0" if same else "2.0.0")
    if same:
        other.session.project.joinpath("llamagate.yaml").write_text(controller.options["content"])
        other.session.project.joinpath("llamagate.lock.yaml").write_text(controller.options["lock"])
    done: dict[int, Play] = {}

    def run(number: int, one: Controller) -> None:
        done[number] = one.playbook("rollout", llamagate_rings=["batch"])

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate((controller, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [controller.installed(host) for host in HOSTS]
    assert all(len(one) == 1 for one in found), found
    if same or all(play.code == 0 for play in done.values()):
        assert [play.code for play in done.values()] == [0, 0], done
        assert found == [found[0]] * 3
    for host in HOSTS:
        assert controller.module(host, "info", wait_for="ready", timeout=0)["status"]["in_sync"]
