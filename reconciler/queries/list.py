"""List: everything that is installed, also by other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import InputError, LlamagateError, StorageError
from reconciler.fs.presence import is_there
from reconciler.model.desired import Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import Observed, version_of_other_tool
from reconciler.model.plan import Drift
from reconciler.model.record import Record, RecordItem
from reconciler.model.registry import Registry
from reconciler.model.servers import GatewayFile, summary_of
from reconciler.observe.home import Sight, rebuilt_registry
from reconciler.observe.items import ListedItem, listed_items, listed_servers
from reconciler.planning.drift import drift_of
from reconciler.planning.server_drift import server_drift
from reconciler.planning.server_views import without_secrets
from reconciler.reconcile.readers import check_there, steadily, transaction_state
from reconciler.store.desired_file import read_policy
from reconciler.store.gateway_file import read_gateway_file
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
    policy = policy_of(file, record)
    seen = look(home, record.items, registry, policy)
    found = read_gateway_file(home)
    servers = changed_servers(drift_of_servers(record, found, policy))
    entries = (_with_source(one, record) for one in listed_servers(found, record, servers))
    return (*listed_items(home, record, registry, seen.states), *entries)


def _with_source(item: ListedItem, record: Record) -> ListedItem:
    """A tool server with what it starts or asks, as far as that may be shown."""
    recorded = record.servers.get(item.key)
    return replace(item, source=summary_of(without_secrets(recorded.settings))) if recorded else item


def drift_of_servers(record: Record, file: GatewayFile, policy: Policy) -> tuple[Drift, ...]:
    """How the entries of tool servers differ from the record."""
    return tuple(row for key in sorted(record.servers) for row in server_drift(record.servers[key], file, policy))


def changed_servers(drift: Iterable[Drift]) -> Mapping[ItemKey, str]:
    """The tool servers with drift."""
    return {row.key: "changed" for row in drift if row.key.kind is Kind.MCP_SERVER}


def policy_of(file: Path | None, record: Record) -> Policy:
    """That of ``file``, where it is a desired state that can be used."""
    if file is None or not is_there(file):
        return Policy()
    try:
        return read_policy(file, known=record.documents)
    except InputError:
        return Policy()


def known_registry(home: Home, record: Record, found: RegistryFile, env: Environment) -> Registry:
    """What the registry says; as it will be, where its bytes are lost."""
    return rebuilt_registry(home, record, env.now) if found.corrupt else found.registry


def look(home: Home, items: Mapping[ItemKey, RecordItem], registry: Registry, policy: Policy) -> Seen:
    """Look at ``items`` of the record, one by one: what is kept of each is small, and some may be unreadable."""
    sight, root = Sight(home, registry), str(home.root)
    drift: list[Drift] = []
    states: dict[ItemKey, str] = {}
    unreadable: list[str] = []
    for key in sorted(items):
        try:
            found = sight.alone(items[key])
        except StorageError as error:
            states[key] = "unreadable"
            unreadable.append(error.message)
            continue
        rows = drift_of(items[key], found, policy, root)
        states |= changed({key: items[key]}, found, rows)
        drift += rows
    return Seen(drift=tuple(drift), states=states, unreadable=tuple(unreadable))


def changed(items: Mapping[ItemKey, RecordItem], found: Observed, drift: Iterable[Drift]) -> Mapping[ItemKey, str]:
    """The items with drift, and those of another version, also where the policy ignores that."""
    others = {
        key
        for key, recorded in items.items()
        if version_of_other_tool(recorded, found.item(key), found.registry.get(key))
    }
    return dict.fromkeys(others.union(row.key for row in drift), "changed")
