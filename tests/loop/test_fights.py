"""When the watcher stops putting an item right. No time passes here."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.loop.fights import LIMIT, Fights
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.plan import Action, ActionKind, Change, Drift, Plan

KEY = ItemKey(Kind.EXTENSION, "foo")
NONE = Fights(window=700)


def repair(path: str = "manifest.yaml", kind: ActionKind = ActionKind.REPAIR, version: str = "1.0.0") -> Plan:
    """A plan that puts ``path`` right, where ``version`` was found."""
    action = Action(key=KEY, action=kind, from_version=version, to_version="1.0.0", reasons=(), after=None)
    return Plan(generation=1, actions=(action,), drift=(Drift(key=KEY, path=path, change=Change.MISSING),))


def after(fights: Fights, plans: list[Plan], *, start: float = 0, every: float = 10, digest: str = "a") -> Fights:
    for number, plan in enumerate(plans):
        fights = fights.after(start + every * number, input_digest=digest, plan=plan, generation=number)
    return fights


def test_five_equal_repairs_in_a_row_are_a_fight() -> None:
    assert after(NONE, [repair()] * (LIMIT - 1)).lost == ()
    assert after(NONE, [repair()] * LIMIT).lost == (KEY,)


def test_a_look_in_between_that_found_it_right_does_not_end_the_row() -> None:
    assert after(NONE, [repair(), Plan(generation=1)] * LIMIT).lost == (KEY,)


def test_a_pause_of_an_interval_does() -> None:
    assert after(NONE, [repair()] * LIMIT, every=701).lost == ()


def test_different_repairs_are_none() -> None:
    plans = [repair(), repair("other.yaml"), repair(), repair(kind=ActionKind.UPDATE), repair()]
    assert after(NONE, plans).lost == ()


@pytest.mark.parametrize(
    "plans",
    [[repair(f"{number}.yaml") for number in range(9)], [repair(version=f"{number}.0.0") for number in range(9)]],
    ids=["files", "versions"],
)
def test_repairs_of_something_else_each_time_are_none(plans: list[Plan]) -> None:
    assert after(NONE, plans).lost == ()


def test_a_new_input_begins_anew() -> None:
    fights = after(NONE, [repair()] * (LIMIT - 1))
    assert after(fights, [repair()], start=50, digest="b").lost == ()


def test_an_item_that_was_given_up_begins_anew() -> None:
    fights = after(NONE, [repair()] * LIMIT).without(KEY)
    assert fights.lost == ()
    assert after(fights, [repair()], start=60).lost == ()


def test_another_item_of_the_same_id_has_its_own_row() -> None:
    other = ItemKey(Kind.MCP_SERVER, "foo")
    plans = [repair(), Plan(generation=1, actions=(replace(repair().actions[0], key=other),))] * (LIMIT - 1)
    assert after(NONE, plans).lost == ()
    assert after(after(NONE, plans), [repair()], start=90).lost == (KEY,)
