"""The lock: which exact package each desired item stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec import Struct

from reconciler.model.config import Json, JsonObject
from reconciler.model.digest import Digest
from reconciler.model.executables import executables_from_document, executables_to_document
from reconciler.model.ids import ItemKey
from reconciler.model.ignored import RULES, rules_from_document, rules_to_document
from reconciler.model.servers import server_key
from reconciler.model.source import Source, SourceKind
from reconciler.model.tools import AcceptedTools
from reconciler.model.trust import LockedCatalog, Signed, signed_from_document, signed_to_document


class Pin(Struct, frozen=True, kw_only=True):
    """Where exactly a package is that a source stands for: the ``url`` of an archive, a git ``commit``, or
    the ``digest`` of a manifest in the repository ``oci`` of a registry.

    ``tag`` is the tag that a version range chose.
    """

    url: str = ""
    commit: str = ""
    tag: str = ""
    oci: str = ""
    digest: str = ""

    @staticmethod
    def from_document(value: JsonObject) -> Pin:
        return Pin(**cast("dict[str, str]", value))

    def says_where(self, source: Source) -> bool:
        """Whether it is one of a source of this kind, so that the package is found again."""
        if source.kind is SourceKind.GIT:
            return bool(self.commit)
        if source.kind is SourceKind.OCI:
            return self.oci == source.location and bool(self.digest)
        return self.url == source.location if source.kind is SourceKind.HTTP else bool(self.url)

    def to_document(self) -> JsonObject:
        parts = {"url": self.url, "commit": self.commit, "oci": self.oci, "digest": self.digest, "tag": self.tag}
        return {name: part for name, part in parts.items() if part}


def asked_tag(source: Source, pin: Pin) -> str:
    """The short name of the git tag that a pin was found by; a branch may be called so, too."""
    return pin.tag or source.ref.removeprefix("refs/tags/")


class LockItem(Struct, frozen=True, kw_only=True):
    """The exact package that ``source`` stood for when it was resolved: its version and tree.

    ``pin`` is where it is and ``archive`` the digest of the file that it came in, for sources that have them.
    """

    key: ItemKey
    source: Source
    version: str
    tree: Digest
    pin: Pin | None = None
    archive: Digest | None = None
    executables: frozenset[str] | None = None
    """The paths of its executable files; ``None`` where its source does not say, or an older version wrote this."""

    signed: tuple[Signed, ...] = ()
    """The signatures that count, where somebody is asked for one."""

    @property
    def says_where(self) -> bool:
        """Whether its package is found again."""
        return self.pin is not None and self.pin.says_where(self.source)

    @staticmethod
    def from_document(value: JsonObject) -> LockItem:
        return LockItem(
            key=ItemKey.from_document(value),
            source=Source.from_document(value["source"]),
            version=str(value["version"]),
            tree=Digest(str(value["tree"])),
            pin=Pin.from_document(cast(JsonObject, value["pin"])) if "pin" in value else None,
            archive=Digest(str(value["archive"])) if "archive" in value else None,
            executables=executables_from_document(value),
            signed=signed_from_document(value["signed"]) if "signed" in value else (),
        )

    def to_document(self) -> JsonObject:
        document: JsonObject = {
            **self.key.to_document(),
            "source": self.source.to_document(),
        }
        if self.pin is not None:
            document["pin"] = self.pin.to_document()
        document["version"] = self.version
        if self.archive is not None:
            document["archive"] = self.archive
        bits, signed = executables_to_document(self.executables), signed_to_document(self.signed)
        return document | {"tree": self.tree, **bits, **signed}


class LockedServer(Struct, frozen=True, kw_only=True):
    """What was accepted of one tool server: the digest of each of its tools."""

    key: ItemKey
    tools: AcceptedTools

    @staticmethod
    def from_document(value: JsonObject) -> LockedServer:
        tools = cast("dict[str, str]", value["tools"])
        return LockedServer(key=server_key(str(value["id"])), tools={name: Digest(one) for name, one in tools.items()})

    def to_document(self) -> JsonObject:
        return {"id": self.key.id, "tools": {name: self.tools[name] for name in sorted(self.tools)}}


class Lock(Struct, frozen=True, kw_only=True):
    """All pins, sorted by kind and id, and the version of the rules of what is content by which they were made.

    ``catalogs`` are the signed ones that pins came from, as they were seen last, sorted by source.
    ``servers`` are the tool servers whose tools were accepted, by name.
    """

    items: tuple[LockItem, ...] = ()
    rules: int = RULES
    catalogs: tuple[LockedCatalog, ...] = ()
    servers: tuple[LockedServer, ...] = ()

    @staticmethod
    def from_document(value: JsonObject) -> Lock:
        items = (LockItem.from_document(item) for item in cast(list[JsonObject], value["items"]))
        found = map(LockedServer.from_document, cast(list[JsonObject], value.get("mcp_servers", [])))
        catalogs = (LockedCatalog.from_document(one) for one in cast(list[JsonObject], value.get("catalogs", [])))
        return Lock(
            items=tuple(sorted(items, key=lambda item: item.key)),
            rules=rules_from_document(value),
            catalogs=tuple(sorted(catalogs, key=lambda one: one.source)),
            servers=tuple(sorted(found, key=lambda server: server.key)),
        )

    def to_document(self) -> JsonObject:
        catalogs: JsonObject = {"catalogs": [one.to_document() for one in self.catalogs]} if self.catalogs else {}
        items: list[Json] = [item.to_document() for item in self.items]
        servers: JsonObject = {"mcp_servers": [one.to_document() for one in self.servers]} if self.servers else {}
        return {**rules_to_document(self.rules), **catalogs, "items": items, **servers}

    def accepted(self, key: ItemKey) -> AcceptedTools | None:
        """The tools of a server that were accepted; ``None`` where none ever were."""
        return next((server.tools for server in self.servers if server.key == key), None)

    @property
    def by_key(self) -> Mapping[ItemKey, LockItem]:
        return {item.key: item for item in self.items}
