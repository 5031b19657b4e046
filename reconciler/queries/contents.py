"""What a package holds, for people who decide about it: its settings, its files, its routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct

from reconciler.model.config import Json, JsonObject, reference_of
from reconciler.model.package import FileEntry, Package
from reconciler.planning.manifest_diff import MASK, dotted, masked

Place = tuple[str | int, ...]


class Value(Struct, frozen=True, kw_only=True):
    """One value of a configuration, and who sets it: ``package``, ``file``, ``command``, or where the value is.

    Of a tool server also ``last apply``, and ``gateway``: somebody else wrote its entry.

    ``line`` is that of the file, 0 where it is not known.
    """

    place: str
    value: Json
    origin: str
    line: int = 0

    @property
    def is_hidden(self) -> bool:
        """Whether it may be secret."""
        return self.value == MASK

    def to_document(self) -> JsonObject:
        return {"key": self.place, "value": self.value, "from": self.origin, "line": self.line or None}


class RouteShown(Struct, frozen=True, kw_only=True):
    """One endpoint that an extension adds to the gateway."""

    method: str
    path: str
    needs_key: bool

    def to_document(self) -> JsonObject:
        return {"method": self.method, "path": self.path, "requires_auth": self.needs_key}


class Contents(Struct, frozen=True, kw_only=True):
    """``steps`` and ``hooks`` are the functions that it calls, and the events that it acts on."""

    description: str
    config: tuple[Value, ...]
    files: tuple[FileEntry, ...]
    routes: tuple[RouteShown, ...]
    steps: tuple[str, ...]
    hooks: tuple[str, ...]

    def to_document(self) -> JsonObject:
        return {
            "description": self.description,
            "config": [value.to_document() for value in self.config],
            "files": [{"path": one.path, "size": one.size, "executable": one.executable} for one in self.files],
            "routes": [route.to_document() for route in self.routes],
            "steps": [*self.steps],
            "hooks": [*self.hooks],
        }


def contents_of(package: Package) -> Contents:
    """The contents of a package as it comes."""
    document = package.document
    return Contents(
        description=str(document.get("description", "")),
        config=tuple(values_of(cast(JsonObject, document.get("config") or {}), {}, lines={}, listed=False)),
        files=package.files,
        routes=tuple(routes_of(package)),
        steps=tuple(dict.fromkeys(_named(document, "steps", "uses", "extension"))),
        hooks=tuple(dict.fromkeys(_named(document, "hooks", "on"))),
    )


def values_of(
    base: JsonObject, config: JsonObject, *, lines: Mapping[Place, int], listed: bool, otherwise: str = "command"
) -> Iterator[Value]:
    """Each value of ``base`` with ``config`` laid over it; secrets are masked. ``lines`` are those of the file.

    ``otherwise`` is who set what is in ``config`` and not ``listed``.
    """
    for place, value, is_own in _leaves(base, config, ()):
        reference = reference_of(value)
        own = reference.label if reference else "file" if listed else otherwise
        origin = own if is_own else "package"
        shown = MASK if reference else masked(("config", *place), value, frozenset())
        yield Value(place=dotted(place), value=shown, origin=origin, line=lines.get(place, 0) if is_own else 0)


def _leaves(base: Json, over: Json, place: Place) -> Iterator[tuple[Place, Json, bool]]:
    """Place, value, and whether it is of ``over``. A list is one value."""
    if not isinstance(base, dict) or not isinstance(over, dict) or reference_of(over) is not None:
        is_tree = isinstance(over, dict) and over and reference_of(over) is None
        if not is_tree:
            yield place, over, True
            return
        base = {}
    for key in [*base, *(key for key in cast(JsonObject, over) if key not in base)]:
        if key in cast(JsonObject, over):
            yield from _leaves(base.get(key), cast(JsonObject, over)[key], (*place, key))
        else:
            yield from _own_leaves(base[key], (*place, key))


def _own_leaves(value: Json, place: Place) -> Iterator[tuple[Place, Json, bool]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _own_leaves(below, (*place, key))
    else:
        yield place, value, False


def routes_of(package: Package) -> Iterator[RouteShown]:
    """The endpoints that it adds, as callers ask for them."""
    endpoints = package.document.get("endpoints")
    for one in endpoints if isinstance(endpoints, list) else ():
        if isinstance(one, dict):
            path = f"/v1/extensions/{package.manifest.name}{one.get('path', '')}"
            needs_key = one.get("requires_auth") is True
            yield RouteShown(method=str(one.get("method", "")).upper(), path=path, needs_key=needs_key)


def _named(document: JsonObject, part: str, *keys: str) -> Iterator[str]:
    rows = document.get(part)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield from (str(row[key]) for key in keys if key in row)
