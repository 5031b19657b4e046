"""``registry/installed.json``: the gateway's own list of items, which we share with it.

The file is a JSON array of objects with the keys of ``docs/architecture.md``, "The registry". Entries and keys that we
do not know are kept. The gateway keys its map by ``id`` alone, so one id has one entry, whatever its type.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Final, cast

from msgspec import Struct, field
from msgspec.json import Decoder, encode
from msgspec.json import format as indented
from msgspec.structs import astuple

from reconciler.model.config import Json, JsonObject, children
from reconciler.model.ids import PACKAGE_KINDS, ItemKey

_KEYS: Final = ("id", "type", "name", "version", "enabled", "installed_at", "last_updated_at", "source_path")
MAX_DEPTH: Final = 64
_KEY_SET: Final = frozenset(_KEYS)
_NO_KEYS: Final[frozenset[str]] = frozenset()
_KINDS: Final = {str(kind): kind for kind in PACKAGE_KINDS}
"""A thousand entries are read for each change: a call of the enum takes longer than all the rest of one."""


class CorruptRegistryError(ValueError):
    """The bytes are no registry: cut off, or not of the shape that the gateway can read."""


class NewerRegistryError(ValueError):
    """The bytes are JSON of a form that a newer gateway may have written."""


class RegistryEntry(Struct, frozen=True, kw_only=True, eq=False):
    """One installed item as the gateway sees it. Times are RFC 3339 with nanoseconds."""

    key: ItemKey
    name: str
    version: str
    enabled: bool
    installed_at: str
    last_updated_at: str
    source_path: str
    extra: JsonObject = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    """Keys that the entry came without. They are only written once they have a value: a gateway cannot read an empty
    time. It does not count when entries are compared."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RegistryEntry) and astuple(self)[:-1] == astuple(other)[:-1]

    @staticmethod
    def from_document(value: JsonObject) -> RegistryEntry:
        is_usual = value.keys() == _KEY_SET
        return RegistryEntry(
            key=ItemKey(_KINDS[str(value["type"])], str(value["id"])),
            name=str(value.get("name") or value["id"]),
            version=str(value.get("version", "")),
            enabled=value.get("enabled") is True,
            installed_at=str(value.get("installed_at", "")),
            last_updated_at=str(value.get("last_updated_at", "")),
            source_path=str(value.get("source_path", "")),
            extra={} if is_usual else {key: value[key] for key in value if key not in _KEY_SET},
            absent=_NO_KEYS if is_usual else _KEY_SET.difference(value),
        )

    def to_document(self) -> JsonObject:
        values: tuple[str | bool, ...] = (
            self.key.id,
            str(self.key.kind),
            self.name,
            self.version,
            self.enabled,
            self.installed_at,
            self.last_updated_at,
            self.source_path,
        )
        empty = (self.key.id, "", False)
        pairs = zip(_KEYS, values, strict=True)
        if not self.absent:
            return {**dict(pairs), **self.extra}
        known: JsonObject = {key: value for key, value in pairs if key not in self.absent or value not in empty}
        return {**known, **self.extra}


class _UsualEntry(Struct, forbid_unknown_fields=True):
    """An entry with every key that we know, and no other one."""

    id: str
    type: str
    name: str
    version: str
    enabled: bool
    installed_at: str
    last_updated_at: str
    source_path: str


_usual_entries: Final = Decoder(list[_UsualEntry]).decode
_PLACE: Final = attrgetter("type", "id")


class Registry(Struct, frozen=True, kw_only=True):
    """All entries by id, and the entries of types that we do not know, as they were."""

    entries: Mapping[str, RegistryEntry] = field(default_factory=dict)
    foreign: tuple[JsonObject, ...] = ()

    @property
    def keys(self) -> list[ItemKey]:
        """The items that have an entry."""
        return [entry.key for entry in self.entries.values()]

    def get(self, key: ItemKey) -> RegistryEntry | None:
        """The entry of exactly this kind and id."""
        entry = self.entries.get(key.id)
        return entry if entry is not None and entry.key == key else None

    def edited(self, edits: Mapping[str, RegistryEntry | None]) -> Registry:
        """This registry with entries set, or dropped where the edit is ``None``."""
        entries = {item_id: entry for item_id, entry in self.entries.items() if item_id not in edits}
        entries |= {item_id: entry for item_id, entry in edits.items() if entry is not None}
        return Registry(entries=entries, foreign=self.foreign)


@lru_cache(maxsize=1)
def decode_registry(data: bytes) -> Registry:
    """Read the file's bytes; ``CorruptRegistryError`` and ``NewerRegistryError`` say why that cannot be done.

    A change reads the file three times, and nearly always finds the same bytes: the last ones are kept as decoded.
    """
    return _usual(data) or _whatever(data)


def _usual(data: bytes) -> Registry | None:
    """Nearly every registry: entries of kinds that we know, each with just the keys that we know. ``None``: look.

    The decoder accepts less than the one of ``json``, and reads what it accepts alike, at a fifth of the time.
    """
    try:
        found = _usual_entries(data)
    except ValueError:
        return None
    entries = {
        one.id: RegistryEntry(
            key=ItemKey(_KINDS[one.type], one.id),
            name=one.name or one.id,
            version=one.version,
            enabled=one.enabled,
            installed_at=one.installed_at,
            last_updated_at=one.last_updated_at,
            source_path=one.source_path,
        )
        for one in found
        if one.id and one.type in _KINDS
    }
    return Registry(entries=entries) if len(entries) == len(found) else None


def _whatever(data: bytes) -> Registry:
    try:
        document: Json = json.loads(data.decode("utf-8"), parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise CorruptRegistryError(str(error)) from error
    if isinstance(document, dict):
        raise NewerRegistryError("it holds an object where this version knows a list")
    if not isinstance(document, list) or not all(_is_entry(value) for value in document):
        raise CorruptRegistryError("it is not a list of entries with an id and a type")
    values = cast(list[JsonObject], document)
    has_containers = data.count(b"{") + data.count(b"[") > len(values) + 1  # which no entry of the gateway's has
    if has_containers and not all(_is_shallow(value, MAX_DEPTH) for value in values):
        raise CorruptRegistryError(f"it is nested deeper than {MAX_DEPTH} levels")
    known = [RegistryEntry.from_document(value) for value in values if value["type"] in _KINDS]
    entries = {entry.key.id: entry for entry in known}
    if len(entries) != len(known):
        raise CorruptRegistryError("one id has two entries")
    return Registry(entries=entries, foreign=tuple(value for value in values if value["type"] not in _KINDS))


def is_registry(data: bytes) -> bool:
    """Whether these bytes are a registry, be it of a form that only a newer gateway knows."""
    try:
        with suppress(NewerRegistryError):
            decode_registry(data)
    except CorruptRegistryError:
        return False
    return True


def encode_registry(registry: Registry) -> bytes:
    """The bytes as the gateway writes them, in a fixed order: by type, then id."""
    entries = registry.entries.values()
    is_usual = not registry.foreign and not any(entry.extra or entry.absent for entry in entries)
    try:
        if is_usual:
            return indented(encode(sorted(map(_as_usual, entries), key=_PLACE)), indent=2)
        return indented(json.dumps(_documents(registry), ensure_ascii=False).encode(), indent=2)
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and UTF-8 cannot: it is spelled again
        return json.dumps(_documents(registry), indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _documents(registry: Registry) -> list[JsonObject]:
    documents = [entry.to_document() for entry in registry.entries.values()] + list(registry.foreign)
    return sorted(documents, key=lambda value: (str(value["type"]), str(value["id"])))


def _as_usual(entry: RegistryEntry) -> _UsualEntry:
    return _UsualEntry(
        id=entry.key.id,
        type=str(entry.key.kind),
        name=entry.name,
        version=entry.version,
        enabled=entry.enabled,
        installed_at=entry.installed_at,
        last_updated_at=entry.last_updated_at,
        source_path=entry.source_path,
    )


def registry_time(moment: datetime) -> str:
    """``moment`` (UTC) as the registry writes times."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z"


def moment_of(text: str) -> datetime:
    """The moment that ``registry_time`` wrote."""
    return datetime.fromisoformat(f"{text[:26]}+00:00")


def _finite(word: str) -> float:
    """A number that can be written again; the gateway reads no other."""
    if not math.isfinite(float(word)):
        raise ValueError(f"{word[:20]} is not a finite number")
    return float(word)


def _is_shallow(value: Json, depth: int) -> bool:
    is_leaf = not isinstance(value, dict | list)
    return is_leaf or (depth > 0 and all(_is_shallow(one, depth - 1) for one in children(value)))


def _is_entry(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    item_id, kind = value.get("id"), value.get("type")
    return isinstance(item_id, str) and isinstance(kind, str) and bool(item_id and kind)
