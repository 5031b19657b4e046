"""In which order items change: what is depended on first, extensions before modules, removals last and reversed."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from reconciler.model.ids import ItemKey, Kind


def dependency_cycle(depends_on: Mapping[ItemKey, Collection[ItemKey]]) -> tuple[ItemKey, ...]:
    """A cycle, first member repeated at its end, or nothing."""
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        # graphlib lists each node before those that depend on it; people read "a needs b".
        return tuple(reversed(error.args[1]))
    return ()


def in_order(keys: Iterable[ItemKey], depends_on: Mapping[ItemKey, Collection[ItemKey]]) -> list[ItemKey]:
    """``keys`` with dependencies first; of those that are free, extensions first, then by id. There is no cycle."""
    wanted = set(keys)
    sorter = TopologicalSorter({key: [need for need in depends_on.get(key, ()) if need in wanted] for key in wanted})
    sorter.prepare()
    ordered: list[ItemKey] = []
    free: list[tuple[bool, ItemKey]] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heapq.heappush(free, (key.kind is Kind.MODULE, key))
        _, key = heapq.heappop(free)
        ordered.append(key)
        sorter.done(key)
    return ordered
