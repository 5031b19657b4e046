"""The text of a manifest as the gateway reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.documents.schema_messages import BOOLEAN_WORDS
from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject

TEXT_KEYS: Final = frozenset((1, key) for key in ("name", "id", "version", "description"))
"""What stays text as it is written: ``version: 1.10`` is no number."""


def as_read(data: bytes, *, name: str) -> JsonObject:
    """The mapping in ``data``, an empty one where it is none. ``InputError`` as for ``yaml_text.load``."""
    value = yaml_text.load(data, name=name, text_keys=TEXT_KEYS)
    if not isinstance(value, dict):
        return {}
    accept_booleans(value)
    return value


def accept_booleans(document: JsonObject) -> list[tuple[str, str, bool]]:
    """Make ``yes`` and ``off`` booleans where the gateway expects one: each key, its word and what it is read as."""
    found: list[tuple[str, str, bool]] = []
    for holder, keys in _boolean_places(document):
        for key in keys:
            word = holder.get(key)
            if isinstance(word, str) and word.lower() in BOOLEAN_WORDS:
                holder[key] = value = BOOLEAN_WORDS[word.lower()]
                found.append((key, word, value))
    return found


def _boolean_places(document: JsonObject) -> Iterator[tuple[JsonObject, tuple[str, ...]]]:
    """Each mapping of a manifest in which the gateway expects booleans, with their keys."""
    yield document, ("enabled", "builtin", "enabled_default", "hot_reload", "autostart")
    for section, keys in (("inputs", ("required",)), ("endpoints", ("requires_auth", "requires_rate_limit", "strict"))):
        rows: Json = document.get(section)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                yield row, keys
