"""What is served as tools: their names, schemas and words. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from reconciler.host.items import Extension, Item, Module
from reconciler.host.snapshot import Snapshot
from reconciler.model.config import Json, JsonObject

RESULT_TOOL: Final = "llamagate_result"
"""The one tool of the host's own."""
MAX_NAME: Final = 64
"""Characters: what the strictest clients take."""
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")
_TYPES: Final = frozenset(["string", "number", "boolean", "object", "array"])
_SHOWN: Final = ("description", "default", "enum", "format", "items", "properties", "minimum", "maximum", "pattern")
_MAX_DESCRIPTION: Final = 2_000


class Offer(Struct, frozen=True, kw_only=True):
    """One tool: ``item`` is what it runs, ``schema`` what it takes, ``steps`` how many steps it has."""

    name: str
    item: Extension | Module
    schema: JsonObject

    @property
    def steps(self) -> int:
        return len(self.item.steps) or 1

    @property
    def description(self) -> str:
        return self.item.description[:_MAX_DESCRIPTION]

    @property
    def version(self) -> str:
        return self.item.version


def offers(snapshot: Snapshot, patterns: Sequence[str], *, strict: bool) -> dict[str, Offer]:
    """The enabled workflows, tasks and modules whose name fits one of ``patterns``, by the name of their tool.

    Where two would have one name, or the name is no name of a tool, the later one gets a name of its own that stays.
    """
    found: dict[str, Offer] = {}
    for item in _items(snapshot):
        if any(fnmatchcase(item.name, pattern) for pattern in patterns):
            name = _name(item, {*found, RESULT_TOOL})
            found[name] = Offer(name=name, item=item, schema=_schema(item, strict=strict))
    return found


def _items(snapshot: Snapshot) -> Iterator[Extension | Module]:
    extensions = (one for one in snapshot.extensions.values() if one.enabled and one.type == "workflow")
    modules = (one for one in snapshot.modules.values() if one.enabled)
    yield from sorted(extensions, key=lambda one: one.name)
    yield from sorted(modules, key=lambda one: one.name)


def _name(item: Item, taken: Collection[str]) -> str:
    name = _OTHER.sub("_", item.name)
    if name == item.name and len(name) <= MAX_NAME and name not in taken:
        return name
    marked = (f"{name[: MAX_NAME - 9]}_{mark}" for mark in _marks(f"{type(item).__name__} {item.name}"))
    return next(one for one in marked if one not in taken)  # somebody may have chosen such a name


def _marks(text: str) -> Iterator[str]:
    digest = text.encode()
    while True:
        digest = hashlib.sha256(digest).digest()
        yield digest.hex()[:8]


def _schema(item: Extension | Module, *, strict: bool) -> JsonObject:
    compiled = item.inputs if isinstance(item, Module) else item.task.inputs if item.task else None
    if compiled is not None:
        return {**compiled.document, "type": "object"}
    if isinstance(item, Module) or item.task is not None:
        return {"type": "object"}
    rows = item.written.get("inputs")
    written = {str(row.get("id")): row for row in rows if isinstance(row, dict)} if isinstance(rows, list) else {}
    properties: JsonObject = {one.id: _property(one.type, written.get(one.id, {})) for one in item.inputs}
    closed: JsonObject = {"additionalProperties": False} if strict else {}
    required: list[Json] = [one.id for one in item.inputs if one.required]
    return {"type": "object", "properties": properties, "required": required, **closed}


def _property(kind: str, row: Mapping[str, Json]) -> JsonObject:
    shown: JsonObject = {key: row[key] for key in _SHOWN if _is_keyword(key, row.get(key))}
    return {"type": kind, **shown} if kind in _TYPES else shown


def _is_keyword(key: str, value: Json) -> bool:
    """Whether a key of an input means in a schema what it means there."""
    if key == "enum":
        return isinstance(value, list)
    if key in ("items", "properties"):
        return isinstance(value, dict)
    if key in ("minimum", "maximum"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) if key != "default" else value is not None
