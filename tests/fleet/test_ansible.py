"""The Ansible collection on three real hosts: what a module says, and how a rollout ends."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Session
from tests.fleet.controller import Controller, Play
from tests.fleet.network import Network, network
from tests.fleet.tools import needs

HOSTS: Final = ("one", "two", "three")
LATER: Final = "later"
"""The host of the ring that comes after the three."""
RINGS: Final = ["ring1", "ring2", "ring3"]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    needs("ansible", "ansible-playbook")
    with network(tmp_path_factory.mktemp("hosts"), *HOSTS, LATER) as made:
        yield made


@pytest.fixture
def controller(hosts: Network, tmp_path: Path) -> Controller:
    made = Controller(network=hosts, session=Session(tmp_path))
    made.reset()
    return made


def test_the_hosts_are_there_in_a_second(tmp_path: Path) -> None:
    begin = time.monotonic()
    with network(tmp_path, "alone"):
        assert time.monotonic() - begin < 10  # a second on an idle machine


def test_check_then_apply_then_again(controller: Controller) -> None:
    controller.release("1.0.0")
    options = controller.options
    check = controller.module("one", "state", "--check", "--diff", **options)
    assert (check["changed"], [one["action"] for one in check["actions"]]) == (True, ["install"])
    assert "+ install" in check["printed"]
    assert "+apiVersion: llamagate/v1" in check["printed"]
    assert not controller.file("one").exists()
    assert controller.installed("one") == {}

    done = controller.module("one", "state", "--diff", **options)
    assert (done["changed"], done["digest"], done["outcome"]) == (True, check["digest"], "applied")
    assert done["file_sha256"] == hashlib.sha256(options["content"].encode()).hexdigest()
    assert controller.installed("one") == {"notes": "1.0.0"}

    for flags in ([], ["--check"]):
        again = controller.module("one", "state", *flags, **options)
        assert (again["changed"], again["actions"], again["generation"]) == (False, [], 1)


def test_a_check_leaves_nothing_and_sees_what_a_new_file_removes(controller: Controller) -> None:
    controller.release("1.0.0", "notes", "rules")
    controller.module("one", "state", **controller.options)
    before = sorted(path.name for path in controller.place("one").iterdir())
    controller.release("1.1.0", "notes")
    check = controller.module("one", "state", "--check", "--diff", **controller.options)
    assert [(one["id"], one["action"]) for one in check["actions"]] == [("notes", "update"), ("rules", "remove")]
    assert sorted(path.name for path in controller.place("one").iterdir()) == before
    done = controller.module("one", "state", **controller.options)
    assert done["digest"] == check["digest"]


def test_a_refused_change_puts_file_and_lock_back(controller: Controller) -> None:
    controller.release("1.0.0")
    controller.module("one", "state", **controller.options)
    before = controller.file("one").read_bytes()
    stranger = controller.place("one", "home", "extensions", "installed", "rules")
    stranger.mkdir()
    (stranger / "manifest.yaml").write_text("name: rules\nversion: 9.0.0\ntype: workflow\n")
    controller.release("1.1.0", "notes", "rules")
    for flags in ([], ["--check"]):
        refused = controller.module("one", "state", *flags, exits=2, **controller.options)
        assert [one["code"] for one in refused["refusals"]] == ["unowned"]
        assert controller.file("one").read_bytes() == before
        assert controller.installed("one")["notes"] == "1.0.0"
    taken = controller.module("one", "state", take_over=["rules"], **controller.options)
    assert taken["changed"]
    assert controller.installed("one") == {"notes": "1.1.0", "rules": "1.1.0"}


def test_a_lock_that_does_not_fit_is_an_error(controller: Controller) -> None:
    controller.release("1.0.0")
    options = controller.options
    options["lock"] = options["lock"].replace("notes", "other")
    failed = controller.module("one", "state", exits=2, **options)
    assert (failed["rc"], failed["restored"]) == (
        4,
        [str(controller.file("one").with_suffix(".lock.yaml")), str(controller.file("one"))],
    )
    assert not controller.file("one").exists()


def test_another_plan_than_the_expected_one(controller: Controller) -> None:
    controller.release("1.0.0")
    for flags in (["--check"], []):
        failed = controller.module("one", "state", *flags, exits=2, expect=f"sha256:{'0' * 64}", **controller.options)
        assert failed["rc"] == 9
    digest = controller.module("one", "state", "--check", **controller.options)["digest"]
    assert controller.module("one", "state", expect=digest, **controller.options)["changed"]


def test_back_and_what_the_gate_says_of_it(controller: Controller) -> None:
    for version in ("1.0.0", "1.1.0"):
        controller.release(version)
        controller.module("one", "state", **controller.options)
    assert controller.module("one", "rollback", "--check", to=1)["changed"]
    assert controller.installed("one") == {"notes": "1.1.0"}
    back = controller.module("one", "rollback", "--diff", to=1, reason="too loud")
    assert (back["changed"], controller.installed("one")) == (True, {"notes": "1.0.0"})
    assert not controller.module("one", "rollback", to=1)["changed"]
    found = controller.module("one", "info")
    assert found["status"]["hold"]
    failed = controller.module("one", "info", exits=2, wait_for="ready", timeout=0)
    assert "it is paused" in failed["msg"]


def test_the_gate_waits_for_the_expected_input_only(controller: Controller) -> None:
    controller.release("1.0.0")
    done = controller.module("one", "state", **controller.options)
    ready = controller.module("one", "info", wait_for="ready", file_sha256=done["file_sha256"], timeout=5)
    assert ready["status"]["in_sync"]
    begin = time.monotonic()
    other = controller.module("one", "info", exits=2, wait_for="ready", file_sha256="0" * 64, timeout=60)
    assert time.monotonic() - begin < 30
    assert "file_sha256" in other["msg"]
    no_watcher = controller.module("one", "info", exits=2, wait_for="ready", commit="0" * 40, timeout=1)
    assert "no watcher" in no_watcher["msg"]


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


CUTS: Final = {"before": "", "during": "apply", "after": "wait"}


@pytest.mark.parametrize("when", CUTS)
def test_a_host_that_is_cut_off_ends_the_rollout(controller: Controller, when: str) -> None:
    """The three are one batch: of them two may have the change, and the later ring has nothing."""
    controller.release("1.0.0")
    cut = " ".join(controller.network.cutting("two"))
    if verb := CUTS[when]:
        controller.hook("two", f'if [ "$1" = {verb} ]; then {cut}; fi')
    else:
        controller.network.cut("two")
    failed = controller.playbook("rollout", llamagate_rings=["batch", "ring4"], llamagate_serial=3)
    assert failed.code != 0
    assert failed.recap("two")["unreachable"] == 1, failed.out
    assert (failed.recap(LATER), controller.installed(LATER)) == ({}, {})
    whole = [{"notes": "1.0.0"}] * 2
    assert [controller.installed(host) for host in ("one", "three")] == whole


def test_a_dead_link_ends_a_play_in_twenty_seconds(controller: Controller) -> None:
    """With the settings of the playbook."""
    controller.release("1.0.0")
    cut = " ".join(controller.network.cutting("one"))
    controller.hook("one", f'if [ "$1" = apply ]; then date +%s.%N > {controller.place("one", "cut")}; {cut}; fi')
    failed = controller.playbook("rollout", llamagate_rings=RINGS, shipped=True)
    assert time.time() - float(controller.place("one", "cut").read_text()) < 25
    assert (failed.recap("one")["unreachable"], failed.recap("two")) == (1, {}), failed.out


@pytest.mark.parametrize("same", [True, False], ids=["one file", "two files"])
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


@pytest.mark.long
def test_a_play_that_changes_nothing_costs_a_second_a_host(controller: Controller) -> None:
    """Beside SSH itself, which ``raw`` measures: alternating, the best of three each."""
    controller.release("1.0.0")
    controller.playbook("rollout", llamagate_rings=["batch"])
    least: dict[str, float] = {}
    for _ in range(3):
        for name in ("ssh", "state"):
            begin = time.monotonic()
            controller.without_change("batch", is_bare=name == "ssh")
            least[name] = min(least.get(name, 999.0), time.monotonic() - begin)
    assert (least["state"] - least["ssh"]) / len(HOSTS) <= 1.0, least
