"""Law: where every recorded file is as it was, the rest of an item need not be looked at, and nothing else is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from reconciler.model.digest import digest_bytes
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import ObservedItem, Presence
from reconciler.model.plan import Plan
from reconciler.planning import verdict
from reconciler.planning.intent import Backup, Target
from reconciler.planning.reasons import ItemBefore
from tests.planning.strategies import allowed, worlds
from tests.planning.world import World, world
from tests.support.laws import examples

many = examples(1)
Change = Callable[[Target, ItemBefore], tuple[Target, ItemBefore]]


def in_full(world: World) -> Plan:
    """The plan where nothing is decided the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "is_as_recorded", lambda *_: False)
        return world.plan()


def at_a_glance(world: World) -> World:
    """What is observed as ``observe`` shows it: of an item whose recorded files are as they were, only those."""
    items = {key: _glance(world, key, found) for key, found in world.observed.items.items()}
    return replace(world, observed=replace(world.observed, items=items))


def _glance(world: World, key: ItemKey, found: ObservedItem) -> ObservedItem:
    recorded, target = world.record.items.get(key), world.intent.targets.get(key)
    if recorded is None or found.presence is not Presence.FOLDER or (target and target.backup):
        return found
    if not recorded.files or not (target.files if target else {}).keys() <= recorded.files.keys():
        return found
    if any(path not in found.files or found.files[path].sha256 != one.sha256 for path, one in recorded.files.items()):
        return found
    return ObservedItem(presence=Presence.FOLDER, files=recorded.files, executables=found.executables)


def everything(plan: Plan) -> tuple[Any, ...]:
    changes = [(one.key, one.rewrites, one.keep, one.brought) for one in plan.actions]
    return plan.to_document(), changes


@many
@given(worlds)
def test_a_glance_is_as_good_as_a_look(before: World) -> None:
    assert everything(at_a_glance(before).plan()) == everything(in_full(before))


@many
@given(allowed)
def test_so_it_is_where_everything_was_just_installed(before: World) -> None:
    after = before.applied()
    assert everything(at_a_glance(after).plan()) == everything(in_full(after))


# The short way asks for all that the long way asks for.

GIVEN = {"file": {"a": {"files": {"f": "a", "run.sh": "b"}}}}
A = ItemKey(Kind.EXTENSION, "a")


def of_target(**fields: Any) -> Change:
    return lambda target, before: (replace(target, **fields), before)


def of_manifest(**fields: Any) -> Change:
    return lambda target, before: (replace(target, manifest=replace(target.manifest, **fields)), before)


def of_entry(**fields: Any) -> Change:
    return lambda target, before: (target, before._replace(entry=before.entry and replace(before.entry, **fields)))


def a_bit_is_lost(target: Target, before: ItemBefore) -> tuple[Target, ItemBefore]:
    recorded = before.recorded and replace(before.recorded, may_run=("run.sh",))
    return target, before._replace(recorded=recorded, found=replace(before.found, executables=frozenset()))


CHANGES: dict[str, Change] = {
    "owner": of_target(owner="team"),
    "tree": of_target(tree=digest_bytes(b"other")),
    "config": of_target(config={"k": 1}),
    "enabled": of_target(enabled=False),
    "another digest": of_target(files={"f": "0", "run.sh": "b"}),
    "another name": lambda target, before: (
        replace(target, files={"g": target.files["f"], "run.sh": target.files["run.sh"]}),
        before,
    ),
    "one file less": lambda target, before: (replace(target, files={"f": target.files["f"]}), before),
    "another executable": lambda target, before: (
        replace(target, executables=frozenset(["f"])),
        before._replace(recorded=before.recorded and replace(before.recorded, may_run=())),
    ),
    "a lost bit": a_bit_is_lost,
    "a backup": of_target(backup=Backup(1, frozenset())),
    "version": of_manifest(version="9.0.0"),
    "builtin": of_manifest(builtin=True),
    "not loadable": of_manifest(loadable=False),
    "no record": lambda target, before: (target, before._replace(recorded=None)),
    "no entry": lambda target, before: (target, before._replace(entry=None)),
    "the entry's name": of_entry(name="b"),
    "the entry's version": of_entry(version="9.0.0"),
    "the entry's path": of_entry(source_path="/elsewhere"),
    "looked at": lambda target, before: (
        target,
        before._replace(found=replace(before.found, files=dict(before.found.files))),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_is_left_to_the_long_way(change: Change) -> None:
    after = at_a_glance(world(GIVEN).applied())
    target = replace(after.intent.targets[A], enabled=True)
    before = ItemBefore(after.record.items[A], after.observed.item(A), after.observed.registry.get(A))
    assert verdict.is_as_recorded(target, before, after.intent)
    assert not verdict.is_as_recorded(*change(target, before), after.intent)
