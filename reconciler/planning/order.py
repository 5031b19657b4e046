"""In which order items change: what is depended on first, extensions before modules, removals last and reversed."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from reconciler.model.ids import ItemKey, Kind


def dependency_cycle(depends_on: Mapping[ItemKey, Collection[ItemKey]]) -> tuple[ItemKey, ...]:
    """A cycle, first member repeated at its end, or nothing; always the same one."""
    if not any(depends_on.values()):
        return ()
    try:
        TopologicalSorter({key: sorted(depends_on[key]) for key in sorted(depends_on)}).prepare()
    except CycleError as error:
        # graphlib lists each node before those that depend on it; people read "a needs b".
        members = error.args[1][:0:-1]
        first = members.index(min(members))
        return (*members[first:], *members[:first], members[first])
    return ()


def in_order(keys: Iterable[ItemKey], depends_on: Mapping[ItemKey, Collection[ItemKey]]) -> list[ItemKey]:
    """``keys`` with dependencies first; of those that are free, extensions first, then by id. There is no cycle.

    An item between two of them counts, also where it is not among ``keys``.
    """
    wanted = frozenset(keys)
    sorter = TopologicalSorter(_reachable(wanted, depends_on))
    sorter.prepare()
    ordered: list[ItemKey] = []
    free: list[tuple[bool, ItemKey]] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        for key in ready:
            if key in wanted:
                heapq.heappush(free, (key.kind is Kind.MODULE, key))
            else:
                sorter.done(key)
        if free and not ready:
            _, key = heapq.heappop(free)
            ordered.append(key)
            sorter.done(key)
    return ordered


def _reachable(
    wanted: Iterable[ItemKey], depends_on: Mapping[ItemKey, Collection[ItemKey]]
) -> dict[ItemKey, Collection[ItemKey]]:
    """What each needs, of those wanted and of all that they need: each is looked at once."""
    needs: dict[ItemKey, Collection[ItemKey]] = {}
    waiting = [*wanted]
    while waiting:
        key = waiting.pop()
        if key not in needs:
            needs[key] = depends_on.get(key, ())
            waiting += needs[key]
    return needs
