"""List: everything that is installed, also by other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from reconciler.errors import LlamagateError, StorageError
from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.observed import Observed, version_of_other_tool
from reconciler.model.plan import Drift
from reconciler.model.record import Record, RecordItem
from reconciler.model.registry import Registry
from reconciler.observe.home import observe, rebuilt_registry
from reconciler.observe.items import ListedItem, listed_items
from reconciler.planning.verdict import drift_of
from reconciler.reconcile.home_state import read_home_state
from reconciler.reconcile.readers import check_there, steadily, transaction_state
from reconciler.store.state_files import RegistryFile, read_record, read_registry


class Seen(Struct, frozen=True, kw_only=True):
    """How recorded items are: ``states`` has those that are not as they were installed.

    ``unreadable`` says why some could not be looked at.
    """

    drift: tuple[Drift, ...]
    states: Mapping[ItemKey, str]
    unreadable: tuple[str, ...] = ()


def read_list(env: Environment, file: Path | None = None) -> tuple[ListedItem, ...]:
    """Every item of the home, as it is on disk. ``InputError`` where there is no home.

    The policy of ``file``, where it is one that can be used, says which edits count.
    """
    home = Home(env.home)
    check_there(home)
    try:
        return steadily(home, lambda: _read(env, file))
    except LlamagateError:
        if transaction_state(home) == "none":
            raise
        return _read(env, file)


def _read(env: Environment, file: Path | None) -> tuple[ListedItem, ...]:
    home = Home(env.home)
    record = read_record(home)[0]
    registry = known_registry(home, record, read_registry(home), env)
    policy = policy_of(env, file)
    return listed_items(home, record, registry, look(home, record.items, registry, policy).states)


def policy_of(env: Environment, file: Path | None) -> Policy:
    """That of ``file``, where it is a desired state that can be used."""
    return read_home_state(env, file).policy if file else Policy()


def known_registry(home: Home, record: Record, found: RegistryFile, env: Environment) -> Registry:
    """What the registry says; as it will be, where its bytes are lost."""
    return rebuilt_registry(home, record, env.now) if found.corrupt else found.registry


def look(home: Home, items: Mapping[ItemKey, RecordItem], registry: Registry, policy: Policy) -> Seen:
    """Look at ``items`` of the record, one by one where some cannot be read."""
    try:
        found = observe(home, items, registry, {}, corrupt=None)
    except StorageError as error:
        if len(items) == 1:
            return Seen(drift=(), states=dict.fromkeys(items, "unreadable"), unreadable=(error.message,))
        each = [look(home, {key: items[key]}, registry, policy) for key in sorted(items)]
        return Seen(
            drift=tuple(row for one in each for row in one.drift),
            states={key: state for one in each for key, state in one.states.items()},
            unreadable=tuple(why for one in each for why in one.unreadable),
        )
    drift = tuple(row for key in sorted(items) for row in drift_of(items[key], found, policy, str(home.root)))
    return Seen(drift=drift, states=changed(items, found, drift))


def changed(items: Mapping[ItemKey, RecordItem], found: Observed, drift: Iterable[Drift]) -> Mapping[ItemKey, str]:
    """The items with drift, and those of another version, also where the policy ignores that."""
    others = {
        key
        for key, recorded in items.items()
        if version_of_other_tool(recorded, found.item(key), found.registry.get(key))
    }
    return dict.fromkeys(others.union(row.key for row in drift), "changed")
