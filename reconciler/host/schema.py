"""JSON Schemas that packages bring, applied to what callers and models send.

The validator is jsonschema-rs and not the jsonschema that checks our own documents: its patterns run in linear time,
whatever a package writes and a caller sends, and nothing that a schema refers to is fetched.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject, children
from reconciler.model.digits import whole

if TYPE_CHECKING:
    import jsonschema_rs

MAX_PARTS: Final = 10_000
"""Of a schema, with what it refers to counted each time: a few lines that refer to each other can mean millions."""
RECURSIVE: Final = 10**9
"""Parts of a schema that refers to itself: the value decides how many there are."""

_NO_SCHEMAS: Final = frozenset(["$defs", "definitions", "enum", "const", "default", "examples"])
_SHOWN_FAULTS: Final = 5
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled JSON Schema. ``parts`` says how much there is to validate."""

    document: JsonObject
    parts: int
    _validator: jsonschema_rs.Validator = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[[bytes, int], Schema], tuple[bytes, int]]:
        return _compiled_again, (marshal.dumps(self.document), self.parts)

    def problem(self, value: Json) -> str | None:
        """What is wrong with ``value``, in one line; ``None`` where nothing is."""
        found = [_said(error) for error in islice(self._validator.iter_errors(value), _SHOWN_FAULTS)]
        return "; ".join(found) or None

    @property
    def properties(self) -> JsonObject:
        """The schemas of its properties by name."""
        properties = self.document.get("properties")
        return properties if isinstance(properties, dict) else {}

    def with_defaults(self, value: JsonObject) -> JsonObject:
        """``value`` with the defaults of the properties that it lacks."""
        defaults = {
            name: below["default"]
            for name, below in self.properties.items()
            if isinstance(below, dict) and "default" in below
        }
        return {**defaults, **value}


def compiled(document: JsonObject, *, name: str) -> Schema:
    """The schema in ``document``. ``InputError`` where it cannot be used; messages call it ``name``."""
    import jsonschema_rs  # takes time to load, and many packages bring no schema

    parts = _parts(document)
    if MAX_PARTS < parts < RECURSIVE:
        raise InputError(f"{name} has more than {MAX_PARTS} parts once its '$ref's are followed")
    try:
        return Schema(document, parts, _validator(document))
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).partition("\n")[0][:_SHOWN_CHARACTERS]
        raise InputError(f"{name} is not a JSON Schema that can be used: {reason}") from error


def _validator(document: JsonObject) -> jsonschema_rs.Validator:
    import jsonschema_rs

    return jsonschema_rs.validator_for(document, pattern_options=jsonschema_rs.RegexOptions(), offline=True)


@lru_cache(64)
def _compiled_again(data: bytes, parts: int) -> Schema:
    document = marshal.loads(data)  # noqa: S302 - between two processes of one program
    return Schema(document, parts, _validator(document))


def _parts(document: JsonObject) -> int:
    """How many values the schema has with each reference replaced; more than ``MAX_PARTS``, or ``RECURSIVE``."""
    try:
        return _Counter(document).count(document)
    except RecursionError:  # a long chain
        return RECURSIVE


class _Counter:
    """Counts the parts of one schema. Each place is counted once, so that this takes no longer than reading it."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._known: dict[int, int] = {}
        self._named = {name: below for below in _all(document) for name in _names(below)}

    def count(self, value: Json) -> int:
        if not isinstance(value, dict | list):
            return 1
        if id(value) not in self._known:
            self._known[id(value)] = RECURSIVE  # as long as it is being counted: what meets it refers to itself
            self._known[id(value)] = min(RECURSIVE, 1 + sum(self.count(below) for below in self._below(value)))
        return self._known[id(value)]

    def _below(self, value: JsonObject | list[Json]) -> Iterator[Json]:
        if isinstance(value, list):
            yield from value
            return
        for key, below in value.items():
            if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(below, str):
                yield self._target(below) if key == "$ref" else self._document
            elif key not in _NO_SCHEMAS:
                yield below

    def _target(self, reference: str) -> Json:
        """What a reference leads to. One that is not found counts as all: the compiler judges it."""
        address, _, fragment = reference.partition("#")
        found: Json = self._named.get(address, self._document) if address else self._document
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"#{fragment}", self._document)
        for part in fragment.split("/")[1:]:
            part = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and part in found:
                found = found[part]
            elif isinstance(found, list) and (index := whole(part)) is not None and index < len(found):
                found = found[index]
            else:
                return self._document
        return found


def _all(value: Json) -> Iterator[JsonObject]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
        waiting += children(one)


def _names(value: JsonObject) -> Iterator[str]:
    """What other parts of the schema can call ``value``."""
    for key, mark in (("$id", ""), ("$anchor", "#"), ("$dynamicAnchor", "#")):
        name = value.get(key)
        if isinstance(name, str):
            yield mark + name


def _said(error: jsonschema_rs.ValidationError) -> str:
    """The fault and its place. The value is cut: it may be long, and it is the caller's own."""
    place = ".".join(str(part) for part in error.instance_path)
    message = error.message if len(error.message) <= _SHOWN_CHARACTERS else error.message[:_SHOWN_CHARACTERS] + "…"
    return f"{place}: {message}" if place else message
