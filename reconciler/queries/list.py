"""List: everything that is installed, also by other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.errors import StorageError
from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.observed import Observed, version_of_other_tool
from reconciler.model.plan import Drift
from reconciler.model.record import RecordItem
from reconciler.model.registry import Registry
from reconciler.observe.home import observe, rebuilt_registry
from reconciler.observe.items import ListedItem, listed_items
from reconciler.planning.verdict import drift_of
from reconciler.reconcile.home_state import read_home_state
from reconciler.reconcile.readers import check_there
from reconciler.store.state_files import read_record, read_registry


def read_list(env: Environment, file: Path | None = None) -> tuple[ListedItem, ...]:
    """Every item of the home, as it is on disk. ``InputError`` where there is no home.

    The policy of ``file``, where it is one that can be used, says which edits count.
    """
    home = Home(env.home)
    check_there(home)
    record, found = read_record(home)[0], read_registry(home)
    registry = rebuilt_registry(home, record, env.now) if found.corrupt else found.registry
    policy = read_home_state(env, file).policy if file else Policy()
    return listed_items(home, record, registry, _states(home, record.items, registry, policy))


def _states(
    home: Home, items: Mapping[ItemKey, RecordItem], registry: Registry, policy: Policy
) -> Mapping[ItemKey, str]:
    try:
        found = observe(home, items, registry, {}, corrupt=None)
    except StorageError:
        if len(items) == 1:
            return dict.fromkeys(items, "unreadable")
        each = (_states(home, {key: recorded}, registry, policy) for key, recorded in items.items())
        return {key: state for states in each for key, state in states.items()}
    drift = (drift_of(recorded, found, policy, str(home.root)) for recorded in items.values())
    return _changed(items, found, (row for rows in drift for row in rows))


def _changed(items: Mapping[ItemKey, RecordItem], found: Observed, drift: Iterable[Drift]) -> Mapping[ItemKey, str]:
    """The items with drift, and those of another version, also where the policy ignores that."""
    others = {
        key
        for key, recorded in items.items()
        if version_of_other_tool(recorded, found.item(key), found.registry.get(key))
    }
    return dict.fromkeys(others.union(row.key for row in drift), "changed")


def list_items(home: Home, found: Observed, drift: Iterable[Drift]) -> tuple[ListedItem, ...]:
    """Every item of ``home``, in which ``found`` and ``drift`` were seen."""
    record, _ = read_record(home)
    return listed_items(home, record, read_registry(home).registry, _changed(record.items, found, drift))
