"""Law: two plans have one fingerprint exactly when they would do the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.model.record import RecordedFile
from reconciler.model.source import Source, SourceKind
from tests.planning.strategies import allowed, homes, intents
from tests.planning.world import World, key, world
from tests.support.laws import examples

many = examples(0.5)


def outcome(found: World) -> tuple[object, ...]:
    """All that stands there once the plan is applied, and why each item changed; without stamps."""
    plan, after = found.plan(), found.applied()
    changed = [action.key for action in plan.actions]
    return (
        [(action.action, action.key, action.reasons) for action in plan.actions],
        {name: remembered(after, name) for name in changed},
        {name: without_stamps(after, name) for name in changed},
        {name: after.observed.registry.get(name) for name in changed},
        plan.rebuilds_registry,
    )


def remembered(after: World, name: Any) -> object:
    item = after.record.items.get(name)
    if item is None:
        return None
    files = {path: RecordedFile(file.sha256) for path, file in item.files.items()}
    return replace(item, source_stamp="", files=files)


def without_stamps(after: World, name: Any) -> object:
    found = after.observed.item(name)
    return replace(found, files={path: RecordedFile(file.sha256) for path, file in found.files.items()})


def touched(found: World) -> World:
    """The same, but for stamps."""
    items = {
        name: replace(item, files={path: file._replace(mtime_ns=9) for path, file in item.files.items()})
        for name, item in found.observed.items.items()
    }
    targets = {name: replace(item, source_stamp="later") for name, item in found.intent.targets.items()}
    return World(
        intent=replace(found.intent, targets=targets),
        record=found.record,
        observed=replace(found.observed, items=items),
    )


@many
@given(allowed)
def test_stamps_do_not_count(found: World) -> None:
    assert touched(found).plan().fingerprint() == found.plan().fingerprint()


@many
@given(home=homes, one=intents, other=intents, same=st.sets(st.sampled_from(["file", "policy"])))
def test_equal_exactly_when_the_outcome_is(
    home: dict[str, Any], one: dict[str, Any], other: dict[str, Any], same: set[str]
) -> None:
    allow = {"allow": {"prune": True, "take_over": "all", "overwrite": True}}
    first, second = (world(given | home | allow) for given in (one, other | {part: one[part] for part in same}))
    if not first.plan().refusals and not second.plan().refusals:
        is_same = first.plan().fingerprint() == second.plan().fingerprint()
        assert is_same == (outcome(first) == outcome(second))


A: dict[str, Any] = {"record": {"a": {}}, "file": {"a": {"version": "1.1.0", "files": {"manifest.yaml": "b"}}}}
CHANGES: dict[str, dict[str, Any]] = {
    "content": {"file": {"a": {"version": "1.1.0", "files": {"manifest.yaml": "c"}}}},
    "enabled": {"file": {"a": {"version": "1.1.0", "files": {"manifest.yaml": "b"}, "enabled": False}}},
    "config": {"file": {"a": {"version": "1.1.0", "files": {"manifest.yaml": "b"}, "config": {"k": 1}}}},
    "needs": {
        "file": {"a": {"version": "1.1.0", "files": {"manifest.yaml": "b"}, "depends_on": ["b"]}},
        "disk": {"b": {"manifest.yaml": "a"}},
    },
    "owner": {"owner": "default2"},
    "another item": {"file": {**A["file"], "b": {}}},
    "a refusal": {"file": {"a": {"version": "1.1.0", "files": {"manifest.yaml": "b"}, "builtin": True}}},
    "an edited file": {"record": {"a": {"files": {"manifest.yaml": "a", "x": "a"}}}, "disk": {"a": {"x": "b"}}},
    "a corrupt registry": {"corrupt": "it is empty"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_makes_a_plan_another_one(change: dict[str, Any]) -> None:
    assert world(A | change).plan().fingerprint() != world(A).plan().fingerprint()


def test_what_is_carried_over_counts() -> None:
    given: dict[str, Any] = {"file": {"a": {}}, "allow": {"take_over": "all"}}
    one, other = (world({**given, "disk": {"a": {"manifest.yaml": "x", **more}}}) for more in ({}, {"seen": "x"}))
    assert one.plan().fingerprint() != other.plan().fingerprint()


@pytest.mark.parametrize(
    "same",
    [
        {"policy": {"backups": 9}},
        {"disk": {"a": {"manifest.yaml": "a", "notes.txt": "x"}}},
        {"registry": {"a": {}}},
        {"hold": "pause"},
    ],
    ids=["backups", "local files", "registry as expected", "hold"],
)
def test_what_does_not(same: dict[str, Any]) -> None:
    assert world(A | same).plan().fingerprint() == world(A).plan().fingerprint()


def test_the_source_and_the_generation_count() -> None:
    found = world(A)
    plan = found.plan()
    targets = {key("a"): replace(found.intent.targets[key("a")], source=Source(SourceKind.ZIP, "/srv/a.zip"))}
    moved = replace(found, intent=replace(found.intent, targets=targets)).plan()
    prints = {plan.fingerprint(), replace(plan, generation=8).fingerprint(), moved.fingerprint()}
    assert len(prints) == 3
