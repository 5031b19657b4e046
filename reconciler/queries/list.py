"""List: everything that is installed, also by other programs."""

from __future__ import annotations

from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.observe.items import ListedItem, listed_items
from reconciler.reconcile.readers import check_there
from reconciler.store.state_files import read_record, read_registry


def read_list(env: Environment) -> tuple[ListedItem, ...]:
    """Every item of the home. ``InputError`` where there is none."""
    home = Home(env.home)
    check_there(home)
    return list_items(home)


def list_items(home: Home) -> tuple[ListedItem, ...]:
    """Every item of ``home``."""
    record, _ = read_record(home)
    return listed_items(home, record, read_registry(home).registry)
