"""List: everything that is installed, also by other programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.plan import Drift
from reconciler.observe.home import observe
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
    record, registry = read_record(home)[0], read_registry(home).registry
    policy = read_home_state(env, file).policy if file else Policy()
    found = observe(home, record.items, registry, {}, corrupt=None)
    changed = {key for key, one in record.items.items() if drift_of(one, found, policy, str(home.root))}
    return listed_items(home, record, registry, changed)


def list_items(home: Home, drift: Iterable[Drift]) -> tuple[ListedItem, ...]:
    """Every item of ``home``, of which ``drift`` is known."""
    record, _ = read_record(home)
    return listed_items(home, record, read_registry(home).registry, {row.key for row in drift})
