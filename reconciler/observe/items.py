"""Every item that there is, also what something else installed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.observed import is_enabled
from reconciler.model.package import Dialect
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.model.servers import GatewayFile, server_key
from reconciler.observe.home import manifest_at, present_items


class ListedItem(Struct, frozen=True, kw_only=True):
    """One item as ``list`` shows it. ``dialect`` is ``None`` where what is there is no valid package."""

    key: ItemKey
    name: str
    version: str
    enabled: bool
    owner: str | None
    path: str
    dialect: Dialect | None
    loadable: bool
    source: str
    state: str

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "name": self.name,
            "version": self.version,
            "enabled": self.enabled,
            "owner": self.owner,
            "path": self.path,
            "dialect": self.dialect and str(self.dialect),
            "loadable": self.loadable,
        }


def listed_items(
    home: Home, record: Record, registry: Registry, states: Mapping[ItemKey, str] | None = None
) -> tuple[ListedItem, ...]:
    """What we recorded, what the registry names, and what is on disk.

    ``states`` has those of ours that are not as they were installed: the disk tells what they are now.
    """
    present = present_items(home)
    keys = {*record.items, *present, *registry.keys}
    states = dict.fromkeys(keys - present, "missing") | {
        key: state for key, state in (states or {}).items() if key in present
    }
    return tuple(_listed(home, key, record, registry, states.get(key)) for key in sorted(keys))


def listed_servers(
    file: GatewayFile, record: Record, states: Mapping[ItemKey, str] | None = None
) -> tuple[ListedItem, ...]:
    """The tool servers that we recorded, and those that the gateway's file has; ``states`` as above."""
    keys = sorted({*record.servers, *map(server_key, file.servers)})
    return tuple(_listed_server(key, file, record, (states or {}).get(key)) for key in keys)


def _listed_server(key: ItemKey, file: GatewayFile, record: Record, state: str | None) -> ListedItem:
    recorded, found = record.servers.get(key), file.get(key)
    gone = "unreadable" if file.problem else "missing"
    return ListedItem(
        key=key,
        name=key.id,
        version="",
        enabled=found.enabled if found else recorded is not None and recorded.enabled,
        owner=recorded.owner if recorded else None,
        path=file.path,
        dialect=None,
        loadable=found is not None and file.is_on,
        source="",
        state=gone if found is None else state or ("installed" if recorded else "unmanaged"),
    )


def _listed(home: Home, key: ItemKey, record: Record, registry: Registry, state: str | None) -> ListedItem:
    recorded, entry, path = record.items.get(key), registry.get(key), home.item(key)
    is_here = state != "missing"
    looks = is_here and (recorded is None or state is not None)
    manifest = manifest_at(path, key.kind, key.id) if looks else recorded.manifest if recorded else None
    known = manifest or (recorded.manifest if recorded else entry)
    return ListedItem(
        key=key,
        name=known.name if known else key.id,
        version=known.version if known else "",
        enabled=is_enabled(entry, recorded, default=manifest is not None and manifest.enabled_default),
        owner=recorded.owner if recorded else None,
        path=str(path),
        dialect=manifest.dialect if manifest else None,
        loadable=is_here and manifest is not None and manifest.loadable,
        source=str(recorded.source) if recorded else "",
        state=state or ("installed" if recorded else "unmanaged" if manifest else "not a package"),
    )
