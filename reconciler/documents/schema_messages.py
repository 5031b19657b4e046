"""What people are told where a value does not satisfy a schema: one sentence for each keyword."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from reconciler.documents.text import shown
from reconciler.model.config import Json

if TYPE_CHECKING:
    from reconciler.documents.yaml.places import Path

_SUGGESTED_CHARACTERS: Final = 64
"""Longer unknown keys are not compared with the known ones, which takes quadratic time."""

_TYPE_NAMES: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}

BOOLEAN_WORDS: Final[Mapping[str, bool]] = dict.fromkeys(["yes", "on", "y", "true"], True) | dict.fromkeys(
    ["no", "off", "n", "false"], False
)
"""What YAML 1.1, and with it the gateway, takes for a boolean, in lower case."""


class Failure(Struct, frozen=True):
    """A ``value`` at ``path`` that does not satisfy ``keyword``, whose value in ``schema`` is ``rule``."""

    path: Path
    value: Any
    keyword: str
    rule: Any
    schema: Mapping[str, Any]


def messages_of(failure: Failure) -> Iterator[tuple[Path, str]]:
    """Each place that is wrong, and what to say about it; a schema's own words come first."""
    path, value, rule = failure.path, failure.value, failure.rule
    own = "patternErrorMessage" if failure.keyword == "pattern" else "errorMessage"
    if own in failure.schema:
        yield path, failure.schema[own]
    elif failure.keyword == "additionalProperties":
        known = failure.schema["properties"]
        yield from (((*path, key), said) for key, said in _unknown(value, known))
    elif failure.keyword == "required":
        known = failure.schema.get("properties", {})
        given = {_holder(key, known) for key in value}
        yield from ((path, _missing(key, known)) for key in rule if key not in value and key not in given)
    else:
        yield path, _MESSAGES.get(failure.keyword, _invalid)(failure)


def _missing(key: str, properties: Mapping[str, Any]) -> str:
    """That a key is missing, with its value where only one is possible."""
    only = properties.get(key, {}).get("const")
    return f"{shown(key)} is missing" + (f"; write {key}: {only}" if isinstance(only, str) else "")


def _unknown(value: Mapping[str, Json], known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each key that is not known, and what to say; those that belong into one mapping are said together."""
    deeper: dict[str | None, list[str]] = {}
    for key in value:
        if key not in known:
            deeper.setdefault(_holder(key, known), []).append(key)
    for holder, keys in deeper.items():
        if holder is None:
            yield from ((key, unknown_field(key, [*known])) for key in keys)
        else:
            inside = ", ".join(f"{key}: …" for key in keys)
            named = " and ".join(map(shown, keys))
            yield (
                keys[0],
                f"{named} {'belongs' if len(keys) == 1 else 'belong'} to {holder!r}: write {holder}: {{{inside}}}",
            )


def _holder(key: str, properties: Mapping[str, Any]) -> str | None:
    """The one of ``properties`` that has the field ``key``, where they themselves do not."""
    if key in properties:
        return None
    return next((name for name, schema in properties.items() if key in schema.get("properties", {})), None)


def unknown_field(key: str, known: list[str]) -> str:
    """What to say about a key that is none of the ``known`` ones: which may be meant."""
    import difflib  # only a fault needs it

    near = difflib.get_close_matches(key.lower(), known, n=1) if len(key) <= _SUGGESTED_CHARACTERS else []
    if near:
        return f"unknown field {shown(key)}; did you mean '{near[0]}'?"
    return f"unknown field {shown(key)}; known are {', '.join(known)}"


def _wrong_type(failure: Failure) -> str:
    value = failure.value
    expected = failure.rule if isinstance(failure.rule, list) else [failure.rule]
    if isinstance(value, str) and "boolean" in expected and value.lower() in BOOLEAN_WORDS:
        return f"{shown(value)} is text; use {_type_name(BOOLEAN_WORDS[value.lower()])}"
    names = " or ".join(_TYPE_NAMES[name] for name in expected if name != "null" or len(expected) == 1)
    is_unquoted = "string" in expected and isinstance(value, bool | int | float)
    return f"expected {names}, found {_type_name(value)}" + ("; quote it" if is_unquoted else "")


def _type_name(value: Json) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number with a decimal point"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _literal(value: Json) -> str:
    return shown(value) if isinstance(value, str) else _type_name(value)


def _wrong_count(failure: Failure) -> str:
    """For ``minProperties`` and ``maxProperties``, which the schemas use for "exactly one of"."""
    return f"give exactly one of {', '.join(failure.schema['properties'])}"


def _invalid(_failure: Failure) -> str:
    return "this is not valid here"


_MESSAGES: Final[Mapping[str, Callable[[Failure], str]]] = {
    "type": _wrong_type,
    "enum": lambda failure: f"expected one of {', '.join(failure.rule)}; found {_literal(failure.value)}",
    "const": lambda failure: f"expected {_literal(failure.rule)}, found {_literal(failure.value)}",
    "minLength": lambda _: "must not be empty",
    "maxLength": lambda failure: f"longer than {failure.rule} characters",
    "minimum": lambda failure: f"must be at least {failure.rule}",
    "minItems": lambda _: "needs at least one entry",
    "uniqueItems": lambda _: "holds an entry twice",
    "minProperties": _wrong_count,
    "maxProperties": _wrong_count,
}
