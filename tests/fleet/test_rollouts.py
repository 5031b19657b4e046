"""The playbooks of the Ansible collection on real hosts: how a rollout goes, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.shell import Session
from tests.docs.pages import page, shell_blocks
from tests.fleet.controller import HOSTS, LATER, Controller, Play
from tests.fleet.network import Network
from tests.loop.watcher import watching
from tests.sources.git_servers import git
from tests.support.promised import promised

RINGS: Final = ["ring1", "ring2", "ring3"]


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


@promised(25)
def test_a_dead_link_ends_a_play_in_twenty_seconds(controller: Controller, most: float) -> None:
    """With the settings of the playbook. Left to the system, a connection waits for a quarter of an hour."""
    controller.release("1.0.0")
    cut = " ".join(controller.network.cutting("one"))
    controller.hook("one", f'if [ "$1" = apply ]; then date +%s.%N > {controller.place("one", "cut")}; {cut}; fi')
    failed = controller.playbook("rollout", llamagate_rings=RINGS, shipped=True)
    assert time.time() - float(controller.place("one", "cut").read_text()) < most
    assert (failed.recap("one")["unreachable"], failed.recap("two")) == (1, {}), failed.out


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


# Branches

BRANCHES: Final = ["canary", "early", "rest"]


@contextmanager
def followers(controller: Controller) -> Iterator[Path]:
    """A clone whose origin each host follows, by the branch of its ring."""
    base = controller.session.base
    git("init", "--quiet", "--bare", "--initial-branch=main", "origin.git", folder=base)
    git("clone", "--quiet", "origin.git", "clone", folder=base)
    with ExitStack() as stack:
        for ring, host in zip(BRANCHES, HOSTS, strict=True):
            (base / host).mkdir()
            session = Session(base / host, variables={"LLAMAGATE_HOME": str(controller.place(host, "home"))})
            flags = ("--repo", base / "origin.git", "--ref", f"ring/{ring}", "--interval", 1)
            stack.enter_context(watching(session, *flags))
        yield base / "clone"


def commit(controller: Controller, clone: Path) -> str:
    for name in ("llamagate.yaml", "llamagate.lock.yaml"):
        (clone / name).write_bytes((controller.session.project / name).read_bytes())
    git("add", "--all", folder=clone)
    git("commit", "--quiet", "--message", "a release", folder=clone)
    git("push", "--quiet", "origin", "main", folder=clone)
    return git("rev-parse", "HEAD", folder=clone)


def test_branches_are_moved_ring_by_ring(controller: Controller) -> None:
    """The first host that does not take the commit ends it: the branch of the next ring stays where it is."""
    with followers(controller) as clone:

        def promote(*flags: str, **more: Any) -> Play:
            given: dict[str, Any] = {
                "llamagate_rings": BRANCHES,
                "llamagate_checkout": str(clone),
                "llamagate_timeout": 30,
                **more,
            }
            return controller.playbook("promote", *flags, **given)

        def branches() -> list[str]:
            listed = git("ls-remote", "origin", *(f"refs/heads/ring/{ring}" for ring in BRANCHES), folder=clone)
            return sorted(line.partition("\t")[0] for line in listed.splitlines())

        controller.release("1.0.0")
        first = commit(controller, clone)
        assert promote("--check").code == 0
        assert branches() == []
        done = controller.shell(dict(shell_blocks(page("fleet.md")))["promote"], clone)
        assert (done.code, branches()) == (0, [first] * 3), done.out
        assert [controller.installed(host) for host in HOSTS] == [{"notes": "1.0.0"}] * 3
        assert done.recap("localhost")["changed"] == 3
        manifest = controller.place("two", "home", "extensions", "installed", "notes") / "manifest.yaml"
        before = manifest.read_text()
        manifest.write_text("mine\n")
        controller.release("1.1.0")
        second = commit(controller, clone)
        failed = promote(llamagate_timeout=5)
        assert failed.code != 0
        assert branches() == sorted([first, second, second]), failed.out
        assert [controller.installed(host) for host in HOSTS[::2]] == [{"notes": "1.1.0"}, {"notes": "1.0.0"}]
        manifest.write_text(before)
        again = promote()  # goes on where it ended
        assert (again.code, again.recap("localhost")["changed"], branches()) == (0, 1, [second] * 3), again.out
        back = promote(llamagate_commit=first)
        assert (back.code != 0, branches()) == (True, [second] * 3)  # no branch is rewound
