"""Explain: what a key of a document means, by its schema, or a code, by the page of errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents.pages import page_text
from reconciler.documents.schemas import SCHEMA_NAMES, schema_text
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import did_you_mean

Pattern = tuple[str, ...]
"""The keys on the way to a place; ``*`` is any key, ``[]`` any entry of a list."""

_PAGE: Final = "errors.md"
_CHAPTERS: Final = {
    "Errors": "error",
    "Faults": "fault",
    "Refusals": "refusal",
    "Warnings": "warning",
    "Findings": "finding of doctor",
    "Checks": "finding of check",
}
_ORDER: Final = ("desired-state", "extension-manifest", "module-manifest")
"""The schemas that people ask for first."""
_MAX_DEPTH: Final = 12
_BELOW: Final = ("then", "else", "if")


class KeyMeaning(Struct, frozen=True, kw_only=True):
    """A key of a document. ``keys`` are those below it, with what each is for; ``values`` all that it may have."""

    schema: str
    key: str
    title: str
    description: str
    type: str
    required: bool
    default: Json = None
    values: tuple[Json, ...] = ()
    examples: tuple[Json, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()

    def to_document(self) -> JsonObject:
        return {
            "document": self.schema,
            "key": self.key,
            "title": self.title,
            "description": self.description,
            "type": self.type,
            "required": self.required,
            "default": self.default,
            "values": [*self.values],
            "examples": [*self.examples],
            "keys": [{"key": key, "title": title} for key, title in self.keys],
        }


class CodeMeaning(Struct, frozen=True, kw_only=True):
    """A code of an error, fault, refusal, warning or finding. ``exit`` is empty where it has no exit code."""

    code: str
    kind: str
    exit: str
    cause: str
    cure: str

    def to_document(self) -> JsonObject:
        return {"code": self.code, "kind": self.kind, "exit": self.exit or None, "cause": self.cause, "cure": self.cure}


class Meanings(Struct, frozen=True, kw_only=True):
    """What a word means; it may be a code, and a key of several documents."""

    word: str
    codes: tuple[CodeMeaning, ...]
    keys: tuple[KeyMeaning, ...]

    def to_document(self) -> JsonObject:
        return {
            "word": self.word,
            "codes": [one.to_document() for one in self.codes],
            "keys": [one.to_document() for one in self.keys],
        }


def explain(word: str) -> Meanings:
    """What ``word`` means: a code, or a key with those above it (``policy.drift.edited``) or alone (``max_prune``).

    ``InputError`` where nothing has that name.
    """
    codes = tuple(one for one in _codes() if one.code == word)
    keys = tuple(_keys(_wanted(word), nearby=not codes))
    if not codes and not keys:
        named = {one.code for one in _codes()} | {place[-1] for _, place, _, _ in _every_place() if place}
        raise InputError(
            f"there is no key and no code '{word}'{did_you_mean(word.rpartition('.')[2], named)}",
            advice="a key is written as in policy.drift.edited; docs/errors.md lists the codes",
            code=ErrorCode.NOT_FOUND,
        )
    return Meanings(word=word, codes=codes, keys=keys)


def _codes() -> Iterator[CodeMeaning]:
    kind = ""
    for line in page_text(_PAGE).splitlines():
        if line.startswith("## "):
            kind = _CHAPTERS.get(line[3:].strip(), "")
        cells = [_plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if kind and line.startswith("| `") and len(cells) >= 3:
            exits = cells[1] if len(cells) == 4 else ""
            yield CodeMeaning(code=cells[0].strip("`"), kind=kind, exit=exits, cause=cells[-2], cure=cells[-1])


def _plain(cell: str) -> str:
    """A cell of the page as text: links are their words."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell.strip()).replace(r"\|", "|")


def _wanted(word: str) -> Pattern:
    return tuple(part for part in re.split(r"\.|(\[\d*\])", word) if part)


def _keys(wanted: Pattern, *, nearby: bool) -> Iterator[KeyMeaning]:
    """The key at this place; ``nearby``: also each key of this name, wherever it is, those nearest to the top first."""
    places = [*_every_place()]
    exact = [found for found in places if _fits(found[1], wanted)]
    ends = [found for found in places if found[1] and _fits(found[1][-len(wanted) :], wanted)]
    if nearby and (not exact or len(wanted) == 1):
        exact = sorted(ends, key=lambda found: (_rank(found[0]), len(found[1])))
    seen = set[tuple[str, str]]()
    for schema, place, node, required in exact:
        meaning = _meaning(schema, place, node, required=required)
        if (schema, meaning.description) not in seen:
            seen.add((schema, meaning.description))
            yield meaning


def _fits(place: Pattern, wanted: Pattern) -> bool:
    """Whether ``wanted`` names ``place``. Entries of lists may be left out, and any name fits where any key does."""
    parts = [part for part in place if part != "[]"] if not any(part.startswith("[") for part in wanted) else [*place]
    names = ["[]" if part.startswith("[") else part for part in wanted]
    return (
        len(parts) == len(names)
        and all(part in (name, "*") for part, name in zip(parts, names, strict=True))
        and (parts[-1:] == names[-1:] or len(parts) > 1)
    )


def _meaning(schema: str, place: Pattern, node: Mapping[str, Any], *, required: bool) -> KeyMeaning:
    kinds = node.get("type", "")
    allowed = cast("list[Json]", [node["const"]] if "const" in node else node.get("enum", []))
    below = {key: str(one.get("title", "")) for key, one in _properties(node).items()}
    return KeyMeaning(
        schema=schema,
        key=".".join(place).replace(".[]", "[]"),
        title=str(node.get("title", "")),
        description=str(node.get("description", "")),
        type=" or ".join(kinds) if isinstance(kinds, list) else str(kinds),
        required=required,
        default=node.get("default"),
        values=tuple(allowed),
        examples=tuple(cast("list[Json]", node.get("examples", []))),
        keys=tuple(below.items()),
    )


def _rank(schema: str) -> tuple[int, str]:
    return (_ORDER.index(schema) if schema in _ORDER else len(_ORDER)), schema


def _every_place() -> Iterator[tuple[str, Pattern, Mapping[str, Any], bool]]:
    """Each place of each document: its schema, the keys on the way, what it says of them, if they are required."""
    for name in sorted(SCHEMA_NAMES, key=_rank):
        root = json.loads(schema_text(name))
        yield from ((name, *found) for found in _places(root, root, (), required=False))


def _places(
    node: Mapping[str, Any], root: Mapping[str, Any], place: Pattern, *, required: bool
) -> Iterator[tuple[Pattern, Mapping[str, Any], bool]]:
    node = _resolved(node, root)
    if len(place) > _MAX_DEPTH:
        return
    yield place, node, required
    needed = node.get("required", ())
    for key, below in _properties(node).items():
        yield from _places(below, root, (*place, key), required=key in needed)
    for part, name in (("additionalProperties", "*"), ("items", "[]")):
        if isinstance(node.get(part), dict):
            yield from _places(node[part], root, (*place, name), required=False)


def _properties(node: Mapping[str, Any]) -> dict[str, Any]:
    """The keys below, also those of one of several forms."""
    found = {key: below for key, below in node.get("properties", {}).items() if isinstance(below, dict)}
    for part in _BELOW:
        for key, below in _properties(node[part]).items() if isinstance(node.get(part), dict) else ():
            found.setdefault(key, below)
    return found


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """``node`` with what it refers to, also in one of several forms, and what each key below it refers to."""
    node = _target(node, root)
    forms = {part: _resolved(node[part], root) for part in _BELOW if isinstance(node.get(part), dict)}
    below = node.get("properties", {})
    keys = {key: _target(one, root) if isinstance(one, dict) else one for key, one in below.items()}
    return {**node, **forms, **({"properties": keys} if keys else {})}


def _target(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node
