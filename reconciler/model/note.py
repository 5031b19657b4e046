"""A note: what is strange about an item or a file, but stops nothing. A plan shows it as a warning."""

from __future__ import annotations

from msgspec import Struct

from reconciler.codes import WarningCode
from reconciler.model.config import JsonObject
from reconciler.model.ids import ItemKey


class Note(Struct, frozen=True):
    """``key`` is the item that it is about; ``None`` where it is about a file, the home or a package by itself."""

    code: WarningCode
    message: str
    key: ItemKey | None = None

    def __str__(self) -> str:
        return self.message

    def to_document(self) -> JsonObject:
        item = self.key.to_document() if self.key else {"kind": None, "id": None}
        return {"code": self.code, **item, "message": self.message}
