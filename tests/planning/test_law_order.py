"""Law: the plan does not depend on the order of what it is made from, and no item goes before what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.model.ids import ItemKey, Kind
from reconciler.model.registry import Registry
from reconciler.planning.order import dependency_cycle, in_order
from tests.planning.strategies import worlds
from tests.planning.world import World
from tests.support.laws import examples

many = examples(0.5)
K = TypeVar("K")
V = TypeVar("V")


def shuffled(mapping: Mapping[K, V], random: Random) -> dict[K, V]:
    rows = list(mapping.items())
    random.shuffle(rows)
    return dict(rows)


def rearranged(found: World, random: Random) -> World:
    """The same world, with every mapping in another order."""
    intent, record, observed = found.intent, found.record, found.observed
    targets = {
        name: replace(item, files=shuffled(item.files, random))
        for name, item in shuffled(intent.targets, random).items()
    }
    items = {
        name: replace(item, files=shuffled(item.files, random)) for name, item in shuffled(record.items, random).items()
    }
    return World(
        intent=replace(intent, targets=targets),
        record=replace(record, items=items),
        observed=replace(
            observed,
            items=shuffled(observed.items, random),
            registry=Registry(entries=shuffled(observed.registry.entries, random)),
        ),
    )


@many
@given(worlds, st.randoms(use_true_random=False))
def test_the_plan_is_the_same_whatever_the_order_of_its_input(found: World, random: Random) -> None:
    plan, other = found.plan(), rearranged(found, random).plan()
    assert plan.to_document() == other.to_document()
    assert plan.fingerprint() == other.fingerprint()


names = st.integers(0, 9).map(lambda number: ItemKey(Kind.MODULE if number % 3 == 0 else Kind.EXTENSION, f"i{number}"))
graphs = st.dictionaries(names, st.lists(names, max_size=3))


@many
@given(graphs, st.sets(names))
def test_no_item_goes_before_what_it_needs(graph: dict[ItemKey, list[ItemKey]], some: set[ItemKey]) -> None:
    acyclic = {name: [need for need in needs if need.id < name.id] for name, needs in graph.items()}
    assert dependency_cycle(acyclic) == ()
    ordered = in_order(some, acyclic)
    assert set(ordered) == some
    for place, name in enumerate(ordered):
        assert not reachable(acyclic, name) & set(ordered[place:])


class Counted(dict[ItemKey, list[ItemKey]]):
    """A graph that counts how often it is asked."""

    asked = 0

    def get(self, key: ItemKey, default: object = None) -> Any:
        self.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize("count", [10, 3_000])
def test_what_many_need_is_looked_at_once(count: int) -> None:
    base, users = extensions("base", count), extensions("user", count)
    chain = {name: [need] for need, name in pairwise(base)}
    graph = Counted(chain | {name: [base[-1]] for name in users})
    assert in_order(users, graph) == users
    assert graph.asked <= 2 * count


@pytest.mark.parametrize("count", [10, 10_000])
def test_a_chain_of_any_length_is_put_in_order(count: int) -> None:
    chain = extensions("item", count)
    graph = Counted({name: [need] for name, need in pairwise(chain)})
    assert dependency_cycle(graph) == ()
    assert in_order(chain, graph) == chain[::-1]
    assert graph.asked <= count


def extensions(name: str, count: int) -> list[ItemKey]:
    return [ItemKey(Kind.EXTENSION, f"{name}-{number:05}") for number in range(count)]


@many
@given(graphs, st.randoms(use_true_random=False))
def test_a_cycle_is_one_that_is_there_and_always_the_same(graph: dict[ItemKey, list[ItemKey]], random: Random) -> None:
    cycle = dependency_cycle(graph)
    again = {name: random.sample(needs, len(needs)) for name, needs in shuffled(graph, random).items()}
    assert dependency_cycle(again) == cycle
    assert bool(cycle) == any(name in reachable(graph, name) for name in graph)
    assert all(need in graph[name] for name, need in pairwise(cycle))
    assert cycle[:1] == cycle[-1:]
    assert min(cycle, default=None) == next(iter(cycle), None)


def reachable(graph: Mapping[ItemKey, list[ItemKey]], name: ItemKey) -> set[ItemKey]:
    """All that ``name`` needs, directly or not."""
    found: set[ItemKey] = set()
    waiting = [*graph.get(name, ())]
    while waiting:
        need = waiting.pop()
        if need not in found:
            found.add(need)
            waiting += graph.get(need, ())
    return found
