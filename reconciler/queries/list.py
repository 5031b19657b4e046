"""List: everything that is installed, also by other programs."""

from __future__ import annotations

from reconciler.model.home import Home
from reconciler.observe.items import ListedItem, listed_items
from reconciler.store.state_files import read_record, read_registry


def list_items(home: Home) -> tuple[ListedItem, ...]:
    """Every item of ``home``."""
    record, _ = read_record(home)
    return listed_items(home, record, read_registry(home).registry)
