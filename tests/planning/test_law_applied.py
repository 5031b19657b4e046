"""Law: a plan that was applied leaves nothing to do."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.planning.strategies import allowed
from tests.planning.world import World, on_disk
from tests.support.laws import examples

many = settings(examples(0.6), suppress_health_check=[HealthCheck.filter_too_much])


@many
@given(allowed)
def test_the_plan_of_an_applied_plan_is_empty(before: World) -> None:
    again = before.applied().plan()
    assert (again.actions, again.refusals, again.changes) == ((), (), False)


@many
@given(allowed)
def test_what_is_not_in_the_plan_stays(before: World) -> None:
    after = before.applied()
    for key in before.observed.items.keys() - {action.key for action in before.plan().actions}:
        assert after.observed.items[key] == before.observed.items[key]
        assert after.record.items.get(key) == before.record.items.get(key)
        assert after.observed.registry.get(key) == before.observed.registry.get(key)


@many
@given(allowed)
def test_every_file_is_the_packages_or_was_there_before(before: World) -> None:
    after = before.applied()
    for key, wanted in before.intent.targets.items():
        there, was_there = on_disk(after.observed.item(key)), on_disk(before.observed.item(key))
        if isinstance(there, dict):
            kept = was_there if isinstance(was_there, dict) else {}
            assert there.items() <= {*wanted.files.items(), *kept.items()}


@many
@given(allowed)
def test_no_file_that_only_the_program_knows_is_lost(before: World) -> None:
    """Local files of items that we installed stay, but for those that ``--overwrite`` sends to the backup."""
    if before.intent.rules.allowances.overwrite or before.intent.rules.policy.drift_edited == "heal":
        return
    after = before.applied()
    for key in before.record.items.keys() & before.intent.targets.keys():
        found = before.observed.item(key)
        brought = before.record.items[key].files.keys() | before.intent.targets[key].files.keys()
        local = {path: file for path, file in found.files.items() if path not in brought}
        assert local.items() <= after.observed.item(key).files.items()
