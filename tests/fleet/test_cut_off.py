"""A rollout over links that go dead, without a word to either end."""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests.fleet.controller import LATER, RINGS, Controller
from tests.support.promised import promised

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
