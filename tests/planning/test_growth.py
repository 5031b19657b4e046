"""A plan of many items, and its text in each format, cost no more than in proportion; no chain is too long."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.saved_plan import saved_plan_bytes
from reconciler.cli.ui.plan import render_plan
from reconciler.model.plan import Plan
from reconciler.reconcile.options import Options
from tests.planning.world import World, world
from tests.support.work import LINEAR, growth

OUT = Path("/srv/plan.json")
FORMATS: dict[str, Callable[[Plan], object]] = {
    "text": render_plan,
    "json": lambda plan: json.dumps(plan.to_document(), indent=2),
    "out": lambda plan: saved_plan_bytes(plan, Options(file=Path("/srv/llamagate.yaml")), out=OUT),
}


def chain(count: int, **said: Any) -> dict[str, Any]:
    """Items of which each depends on the next one, so that the order of the ids is the wrong one."""
    names = [f"item-{number:05}" for number in range(count)]
    needs = [*([name] for name in names[1:]), []]
    return {name: {"depends_on": need, **said} for name, need in zip(names, needs, strict=True)}


def updates(count: int) -> World:
    return world({"record": chain(count), "file": chain(count, version="2.0.0", files={"manifest.yaml": "b"})})


def installs(count: int) -> World:
    return world({"file": chain(count)})


def removals(count: int) -> World:
    return world({"record": chain(count), "file": {}, "allow": {"prune": True}})


def refusals(count: int) -> World:
    return world({"file": {name: {"depends_on": ["nowhere"]} for name in chain(count)}})


@pytest.mark.parametrize("make", [installs, updates, removals, refusals])
def test_four_times_as_many_items_take_four_times_as_much(make: Callable[[int], World]) -> None:
    assert growth(lambda count: make(count).plan, 100) <= LINEAR


@pytest.mark.parametrize("shown", FORMATS.values(), ids=FORMATS)
def test_four_times_as_many_changes_are_shown_at_four_times_the_cost(shown: Callable[[Plan], object]) -> None:
    def of(count: int) -> Callable[[], object]:
        plan = updates(count).plan()
        return lambda: shown(plan)

    assert growth(of, 100) <= LINEAR


@pytest.mark.parametrize("make", [installs, updates, removals])
def test_a_chain_of_any_length_is_planned(make: Callable[[int], World]) -> None:
    count = 3_000
    actions = make(count).plan().actions
    assert [action.key.id for action in actions] == sorted(chain(count), reverse=make is not removals)
