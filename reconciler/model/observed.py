"""What is really there: the home as it was looked at, once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from msgspec import Struct, field

from reconciler.model.ids import ItemKey
from reconciler.model.record import RecordedFile, RecordItem
from reconciler.model.registry import Registry, RegistryEntry
from reconciler.model.servers import FoundServer, GatewayFile


class Presence(Enum):
    """What stands at an item's place."""

    ABSENT = auto()
    FOLDER = auto()
    OTHER = auto()
    """A link or a file: nothing that a gateway loads; never followed."""


class ObservedItem(Struct, frozen=True, kw_only=True):
    """One item's folder. ``files`` are its regular files, without a sha256 where nobody asked for it."""

    presence: Presence = Presence.ABSENT
    files: Mapping[str, RecordedFile] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    """Paths of links and of other nodes that are neither a regular file nor a folder."""
    version: str = ""
    """What its manifest says on disk; looked at only where the registry has another version than our record."""
    executables: frozenset[str] = frozenset()


ABSENT = ObservedItem()


class Observed(Struct, frozen=True, kw_only=True):
    """The home: each item that was asked for, the ids of all that is there, and the registry.

    ``corrupt`` says why the registry could not be read; ``registry`` is then rebuilt from the record and the disk.
    ``gateway_file`` is ``None`` where nobody asks for tool servers.
    """

    registry: Registry
    items: Mapping[ItemKey, ObservedItem]
    present: frozenset[ItemKey] = frozenset()
    corrupt: str | None = None
    gateway_file: GatewayFile | None = None

    def server(self, key: ItemKey) -> FoundServer | None:
        """The entry of a tool server."""
        return self.gateway_file.get(key) if self.gateway_file else None

    def item(self, key: ItemKey) -> ObservedItem:
        return self.items.get(key, ABSENT)


def version_of_other_tool(recorded: RecordItem | None, found: ObservedItem, entry: RegistryEntry | None) -> str | None:
    """The version to which another tool changed an item: registry and manifest agree on it, our record does not."""
    if recorded is None or entry is None or not found.version or found.presence is not Presence.FOLDER:
        return None
    return found.version if entry.version == found.version != recorded.version else None


def is_enabled(entry: RegistryEntry | None, recorded: RecordItem | None, *, default: bool) -> bool:
    """Whether an item is on: the registry decides, else the record, else what its package says of a new one."""
    if entry is not None:
        return entry.enabled
    return recorded.enabled if recorded is not None else default
