"""The modules of the Ansible collection on real hosts: what each of them says."""

from __future__ import annotations

import hashlib
import resource
import time
from pathlib import Path
from typing import Final

import pytest

from tests.fleet.controller import HOSTS, Controller
from tests.fleet.network import network


def test_the_hosts_are_there_soon(tmp_path: Path) -> None:
    begin = time.monotonic()
    with network(tmp_path, "alone"):
        assert time.monotonic() - begin < 60  # a second on an idle machine


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


TEXTS: Final = {
    "braces": "\n\n# {{ lookup('pipe', 'touch MARK') }} {% raw %} {# x #}",
    "json": '{"apiVersion": "llamagate/v1", "extensions": {"notes": "PACKAGE"}}\n',
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_file_arrives_byte_for_byte(controller: Controller, kind: str) -> None:
    """Whatever Ansible could read in it: a template, a value of another type, space to strip."""
    controller.release("1.0.0")
    file = controller.session.project / "llamagate.yaml"
    package = f"{controller.session.project}/packages/notes-1.0.0"
    mark = controller.session.base / "was-here"
    before = "" if kind == "json" else file.read_text()
    text = TEXTS[kind].replace("PACKAGE", package).replace("MARK", str(mark))
    file.write_text(before + text)
    controller.session.llamagate("lock")
    done = controller.playbook("rollout", llamagate_rings=["ring1"])
    assert done.code == 0, done.out
    assert controller.file("one").read_bytes() == file.read_bytes()
    assert not mark.exists()


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


@pytest.mark.long
def test_a_play_that_changes_nothing_costs_a_second_a_host(controller: Controller) -> None:
    """Beside SSH itself, which ``raw`` measures: alternating, the best of three each.

    It is the processor time of controller and hosts together: all of them are one machine here, and others use it, too.
    Two thirds are what Ansible takes to start a module; the rest is the apply.
    """
    controller.release("1.0.0")
    controller.playbook("rollout", llamagate_rings=["batch"])
    least: dict[str, float] = {}
    for _ in range(3):
        for name in ("ssh", "state"):
            begin = spent(controller)
            controller.without_change("batch", is_bare=name == "ssh")
            least[name] = min(least.get(name, 999.0), spent(controller) - begin)
    print(least)  # noqa: T201
    assert (least["state"] - least["ssh"]) / len(HOSTS) <= 1.0, least


def spent(controller: Controller) -> float:
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + controller.network.processor_seconds()
