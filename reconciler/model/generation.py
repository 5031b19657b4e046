"""A generation: every item as it was after one change, enough to bring the list back from the cache."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.executables import as_set
from reconciler.model.ids import ItemKey
from reconciler.model.record import Record
from reconciler.model.servers import ServerItem
from reconciler.model.source import Source, SourceKind
from reconciler.model.trust import Signer

GENERATION_SCHEMA: Final = 3
"""The newest; one without tool servers and packages of registries is written with 2, as ever."""


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
    may_run: tuple[str, ...] | None = None
    signed_by: tuple[Signer, ...] | UnsetType = UNSET

    @property
    def signers(self) -> tuple[Signer, ...]:
        return () if self.signed_by is UNSET else self.signed_by

    @property
    def executables(self) -> frozenset[str] | None:
        return as_set(self.may_run)


class Generation(Struct, frozen=True, kw_only=True):
    """One applied change. ``list_of`` is the generation whose list this one brought back; else its own number.

    ``applied_at`` is a time as the registry writes it, ``command`` what was run, ``user`` who ran it, ``message`` why,
    as far as that is known. None of it decides anything.
    """

    number: int
    list_of: int
    applied_at: str
    command: str
    items: Mapping[ItemKey, GenerationItem]
    servers: Mapping[ItemKey, ServerItem] = field(default_factory=dict)
    user: str = ""
    message: str = ""

    @property
    def list(self) -> Mapping[ItemKey, GenerationItem | ServerItem]:
        """What decides whether two generations are the same: all but where the packages came from."""
        return {**self.packages, **self.servers}

    @property
    def packages(self) -> Mapping[ItemKey, GenerationItem]:
        """That of the packages alone."""
        nowhere = Source(SourceKind.DIR, "")
        return {
            key: replace(item, source=nowhere, may_run=item.may_run or (), signed_by=UNSET)
            for key, item in self.items.items()
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
            may_run=item.may_run,
            signed_by=item.signed_by,
        )
        for key, item in record.items.items()
    }
    return Generation(
        number=record.generation,
        list_of=record.generation if list_of is None else list_of,
        applied_at=applied_at,
        command=command,
        items=items,
        servers={key: server.item for key, server in record.servers.items()},
    )
