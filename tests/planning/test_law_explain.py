"""Law: what a plan shows of a manifest never holds a value from the environment."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from deepdiff import DeepDiff
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.config import Json, JsonObject, merged, same, with_references
from reconciler.packages.realise import configured
from reconciler.planning.manifest_diff import LONG, MASK, dotted, manifest_diff, secret_places
from tests.support.laws import examples

many = examples(0.5)

VARIABLES = {name: f"value-of-{name}" for name in "ABC"}
keys = st.sampled_from(["k", "l", "m", "a.b", "__x", "0", ""])
plain: st.SearchStrategy[Json] = st.sampled_from([1, "text", None, 2.5, []])
secret = st.sampled_from(sorted(VARIABLES)).map(lambda name: {"env": name})


def configs(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[JsonObject]:
    values = st.recursive(
        leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3), max_leaves=6
    )
    return st.dictionaries(keys, values, max_size=3)


packages = st.fixed_dictionaries({"name": st.just("a")}, optional={"config": configs(plain), "steps": st.just([1])})
wishes = configs(plain | secret)


@many
@given(before=packages, had=wishes, after=packages, wish=wishes)
def test_no_value_from_the_environment_is_shown(
    before: JsonObject, had: JsonObject, after: JsonObject, wish: JsonObject
) -> None:
    on_disk = configured(before, cast(JsonObject, with_references(had, lambda one: VARIABLES[one.name])))
    shown = json.dumps(manifest_diff(on_disk, configured(after, wish), secret_places(had) | secret_places(wish)))
    assert not [value for value in VARIABLES.values() if value in shown]


@many
@given(before=packages, after=packages)
def test_it_is_empty_exactly_where_nothing_changes(before: JsonObject, after: JsonObject) -> None:
    is_same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (manifest_diff(before, after) == {}) == is_same


@many
@given(wishes, wishes)
def test_merging_again_changes_nothing(base: JsonObject, overlay: JsonObject) -> None:
    once = merged(base, overlay)
    assert merged(once, overlay) == once
    assert merged(base, {}) == base


documents = st.dictionaries(
    st.sampled_from(["k", "l", "__x", "0", "steps"]),
    st.recursive(
        plain,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["k", "l", "__x"]), below),
        max_leaves=8,
    ),
)


@many
@given(before=documents, after=documents)
def test_it_says_what_deepdiff_says_of_the_whole(before: JsonObject, after: JsonObject) -> None:
    found = DeepDiff(before, after, view="tree", ignore_private_variables=False, threshold_to_diff_deeper=0)
    places = {dotted((*level.path(output_format="list"),)) for levels in found.values() for level in levels}
    assert {place for rows in manifest_diff(before, after).values() for place in cast(JsonObject, rows)} == places


MANIFEST: JsonObject = {
    "version": "1.0.0",
    "steps": [{"uses": "a"}, {"uses": "b"}],
    "config": {"level": 1, "api_key": "k1", "db": {"password": "p1", "host": "h"}, "list": [1, 2]},
}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"version": "1.1.0"}, {"changed": {"version": ["1.0.0", "1.1.0"]}}),
        ({"steps": [{"uses": "a"}]}, {"removed": {"steps[1]": {"uses": "b"}}}),
        ({"steps": [{"uses": "a"}, {"uses": "c"}]}, {"changed": {"steps[1].uses": ["b", "c"]}}),
        ({"endpoints": [1]}, {"added": {"endpoints": [1]}}),
        ({"config": {"api_key": "k2"}}, {"changed": {"config.api_key": [MASK, MASK]}}),
        ({"config": {"level": True}}, {"changed": {"config.level": [1, True]}}),
        ({"config": {"list": [1, 2, 3]}}, {"added": {"config.list[2]": 3}}),
        ({"config": {"db": "none"}}, {"changed": {"config.db": [{"password": MASK, "host": "h"}, "none"]}}),
        ({"config": {"__x": 1}}, {"added": {"config.__x": 1}}),
        ({"config": {"tokens": {"x": 1}}}, {"added": {"config.tokens": MASK}}),
        ({"token": "no config"}, {"added": {"token": "no config"}}),
        ({}, {}),
    ],
)
def test_what_is_shown(change: JsonObject, shown: JsonObject) -> None:
    assert manifest_diff(MANIFEST, merged(MANIFEST, change)) == shown


def test_what_an_env_reference_stood_for_is_hidden_when_it_is_taken_out() -> None:
    with_value = merged(MANIFEST, {"config": {"level": "value", "list": ["value", "other"]}})
    secrets = secret_places({"level": {"env": "L"}, "list": [{"env": "L"}]})
    assert manifest_diff(with_value, MANIFEST, secrets) == {
        "changed": {"config.level": [MASK, MASK], "config.list[0]": [MASK, MASK], "config.list[1]": ["other", 2]},
    }


def test_places_are_written_as_people_read_them() -> None:
    assert dotted(("steps", 0, "with", "x")) == "steps[0].with.x"


def test_long_manifests_are_compared_at_the_top_only() -> None:
    """One by one, the entries of these lists would take minutes."""
    before: JsonObject = {"name": "a", "old": 1, "steps": ["a", "b"] * 100_000}
    after: JsonObject = {"name": "a", "new": 1, "steps": ["b", "a"] * 100_000}
    assert manifest_diff(before, after) == {
        "added": {"new": LONG},
        "changed": {"steps": [LONG, LONG]},
        "removed": {"old": LONG},
    }
    assert manifest_diff(before, before) == {}


VALUES: list[Json] = [
    0,
    0.0,
    -0.0,
    1,
    1.0,
    10**20,
    1e20,
    True,
    False,
    None,
    "",
    "1",
    "true",
    [],
    {},
    [1],
    [1.0],
    {"a": 1},
]


@pytest.mark.parametrize("one", VALUES, ids=repr)
def test_the_same_is_what_is_written_alike(one: Json) -> None:
    assert [same(one, other) for other in VALUES] == [json.dumps(one) == json.dumps(other) for other in VALUES]
