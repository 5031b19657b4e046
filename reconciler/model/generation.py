"""A generation: every item as it was after one change, enough to bring the list back from the cache."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, cast

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.executables import executables_from_document, executables_to_document
from reconciler.model.ids import ItemKey
from reconciler.model.record import Record
from reconciler.model.source import Source, SourceKind

GENERATION_SCHEMA: Final = 1


class Unreadable(StrEnum):
    """Why a generation that is kept cannot be read."""

    DAMAGED = "damaged"
    NEWER = "newer"
    """A newer version wrote it."""


class GenerationItem(Struct, frozen=True, kw_only=True):
    """One item as a generation remembers it; the fields mean what they mean in the record."""

    key: ItemKey
    version: str
    owner: str | None
    enabled: bool
    config: JsonObject
    tree: Digest
    source: Source
    depends_on: tuple[str, ...] = ()
    executables: frozenset[str] | None = None

    @staticmethod
    def from_document(value: JsonObject) -> GenerationItem:
        return GenerationItem(
            key=ItemKey.from_document(value),
            version=str(value["version"]),
            owner=cast("str | None", value["owner"]),
            enabled=bool(value["enabled"]),
            config=cast("JsonObject", value["config"]),
            tree=Digest(str(value["tree"])),
            source=Source.from_document(value["source"]),
            depends_on=tuple(cast("list[str]", value["depends_on"])),
            executables=executables_from_document(value),
        )

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "version": self.version,
            "owner": self.owner,
            "enabled": self.enabled,
            "config": self.config,
            "tree": self.tree,
            "source": self.source.to_full_document(),
            "depends_on": list(self.depends_on),
            **executables_to_document(self.executables),
        }


class Generation(Struct, frozen=True, kw_only=True):
    """One applied change. ``list_of`` is the generation whose list this one brought back; else its own number.

    ``applied_at`` is a time as the registry writes it, ``command`` what was run, ``user`` by whom and ``message`` why,
    as far as that is known. None of it decides anything.
    """

    number: int
    list_of: int
    applied_at: str
    command: str
    items: Mapping[ItemKey, GenerationItem]
    user: str = ""
    message: str = ""

    @property
    def list(self) -> Mapping[ItemKey, GenerationItem]:
        """What decides whether two generations are the same: all but where the packages came from."""
        nowhere = Source(SourceKind.DIR, "")
        return {
            key: replace(item, source=nowhere, executables=item.executables or frozenset())
            for key, item in self.items.items()
        }

    @staticmethod
    def from_document(value: JsonObject) -> Generation:
        items = [GenerationItem.from_document(item) for item in cast("list[JsonObject]", value["items"])]
        return Generation(
            number=cast(int, value["generation"]),
            list_of=cast(int, value["list_of"]),
            applied_at=str(value["applied_at"]),
            command=str(value["command"]),
            items={item.key: item for item in items},
            user=str(value.get("user", "")),
            message=str(value.get("message", "")),
        )

    def to_document(self) -> JsonObject:
        return {
            "schema": GENERATION_SCHEMA,
            "generation": self.number,
            "list_of": self.list_of,
            "applied_at": self.applied_at,
            "command": self.command,
            **{name: text for name, text in (("user", self.user), ("message", self.message)) if text},
            "items": [self.items[key].to_document() for key in sorted(self.items)],
        }


def generation_of(record: Record, *, applied_at: str, command: str, list_of: int | None = None) -> Generation:
    """The generation that ``record`` is the outcome of."""
    items = {
        key: GenerationItem(
            key=key,
            version=item.version,
            owner=item.owner,
            enabled=item.enabled,
            config=item.config,
            tree=item.tree,
            source=item.source,
            depends_on=item.depends_on,
            executables=item.executables,
        )
        for key, item in record.items.items()
    }
    return Generation(
        number=record.generation,
        list_of=record.generation if list_of is None else list_of,
        applied_at=applied_at,
        command=command,
        items=items,
    )
