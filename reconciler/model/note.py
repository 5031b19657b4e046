"""A note: what is strange about an item or a file, but stops nothing. A plan shows it as a warning."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from msgspec import Struct

from reconciler.codes import WarningCode
from reconciler.model.config import JsonObject
from reconciler.model.ids import ItemKey

_NAMED: Final = 3
"""As many of those of which the same is said are named."""


class Note(Struct, frozen=True):
    """``key`` is the item that it is about; ``None`` where it is about a file, the home or a package by itself."""

    code: WarningCode
    message: str
    key: ItemKey | None = None

    def __str__(self) -> str:
        return self.message

    @staticmethod
    def from_document(value: JsonObject) -> Note:
        """A note as it is shown. Plans that an older version saved have the message alone."""
        key = ItemKey.from_document(value) if value.get("id") else None
        return Note(cast(WarningCode, value.get("code", "")), str(value["message"]), key)

    def to_document(self) -> JsonObject:
        item = self.key.to_document() if self.key else {"kind": None, "id": None}
        return {"code": self.code, **item, "message": self.message}


def once(said: Iterable[tuple[str, str]]) -> list[str]:
    """Each text once: of what is said of several subjects in the same words, the first, with the names of the others.

    ``said`` pairs a subject, an id or a path, with the text, which names it.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for subject, text in said:
        groups.setdefault(without(subject, text), []).append((subject, text))
    return [_for_all(group) for group in groups.values()]


def without(subject: str, text: str) -> str:
    """``text`` without the words that are its ``subject``: what is the same where only the subject differs."""
    return re.sub(rf"(?<!\w){re.escape(subject)}(?!\w)", "\0", text) if subject else text


def notes_once(notes: Iterable[Note]) -> list[str]:
    """The texts of ``notes``, each once."""
    return once((note.key.id if note.key else "", note.message) for note in notes)


def _for_all(group: list[tuple[str, str]]) -> str:
    (_, text), *others = dict(group).items()
    if not others:
        return text
    names = [subject for subject, _ in others]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    count = "1 other" if len(names) == 1 else f"{len(names)} others"
    return f"{text} (the same for {count}: {', '.join(names[:_NAMED])}{more})"
