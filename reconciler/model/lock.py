"""The lock: which exact package each desired item stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from reconciler.model.config import JsonObject
from reconciler.model.desired import Source
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class LockItem:
    """One pin: the version and the tree that ``source`` stood for when it was resolved."""

    key: ItemKey
    source: Source
    version: str
    tree: Digest

    @staticmethod
    def from_document(value: JsonObject) -> LockItem:
        return LockItem(
            key=ItemKey(Kind(str(value["kind"])), str(value["id"])),
            source=Source.from_document(value["source"]),
            version=str(value["version"]),
            tree=Digest(str(value["tree"])),
        )

    def to_document(self) -> JsonObject:
        return {
            "kind": str(self.key.kind),
            "id": self.key.id,
            "source": self.source.to_document(),
            "version": self.version,
            "tree": self.tree,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """All pins, sorted by kind and id."""

    items: tuple[LockItem, ...] = ()

    @staticmethod
    def from_document(value: JsonObject) -> Lock:
        items = (LockItem.from_document(item) for item in cast(list[JsonObject], value["items"]))
        return Lock(items=tuple(sorted(items, key=lambda item: item.key)))

    def to_document(self) -> JsonObject:
        return {"items": [item.to_document() for item in self.items]}

    @property
    def by_key(self) -> Mapping[ItemKey, LockItem]:
        return {item.key: item for item in self.items}
