"""Whether a value is valid, and nothing more: a schema turned into plain functions.

Nearly every document is valid. jsonschema, which tells what is wrong with the others, takes 0.1 s to load and a
millisecond for a manifest; this takes a fiftieth of it. It says the same about every value: a schema with a keyword
that is not known here has no acceptor, and a law holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from reconciler.model.config import Json

Test: TypeAlias = Callable[[Json], bool]
"""Whether a value passes. Rules for one type of value let all others pass, as in JSON Schema."""

_SAYS_NOTHING: Final = frozenset(
    ["$schema", "$id", "title", "description", "default", "examples", "errorMessage", "patternErrorMessage"]
)
_WITH_OTHERS: Final = frozenset(["properties", "additionalProperties", "if", "then", "else"])

_TYPES: Final[Mapping[str, Test]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


class UnknownKeywordError(Exception):
    """A schema says something that is not known here."""


def acceptor(schema: Any) -> Test:
    """The test that ``schema``, without references, stands for. ``UnknownKeywordError`` where there is none."""
    if schema is True:
        return lambda _: True
    if not isinstance(schema, dict):
        raise UnknownKeywordError(str(schema))
    tests = [_keyword(name, rule) for name, rule in schema.items() if name not in _SAYS_NOTHING | _WITH_OTHERS]
    if "properties" in schema or "additionalProperties" in schema:
        tests.append(_properties(schema.get("properties", {}), schema.get("additionalProperties", True)))
    if "if" in schema:
        tests.append(_choice(acceptor(schema["if"]), acceptor(schema.get("then", True)), schema.get("else", True)))
    return tests[0] if len(tests) == 1 else _all(tests)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """``pattern`` with a final ``$`` that means the end, as JSON Schema has it; Python's allows a line break behind."""
    return re.compile(re.sub(r"\$\Z", r"\\Z", pattern))


def _all(tests: list[Test]) -> Test:
    def test(value: Json) -> bool:
        for one in tests:  # noqa: SIM110 - run for every value of every document; all() takes twice as long
            if not one(value):
                return False
        return True

    return test


def _keyword(name: str, rule: Any) -> Test:
    if name not in _KEYWORDS:
        raise UnknownKeywordError(name)
    return _KEYWORDS[name](rule)


def _type(rule: str | list[str]) -> Test:
    if isinstance(rule, str):
        return _TYPES[rule]
    tests = [_TYPES[name] for name in rule]
    return lambda value: any(test(value) for test in tests)


def _one_of(texts: list[Json]) -> Test:
    """Texts only: how 1, 1.0 and true compare is not for here."""
    known = frozenset(text for text in texts if isinstance(text, str))
    if len(known) != len(texts):
        raise UnknownKeywordError(f"one of {texts}")
    return lambda value: isinstance(value, str) and value in known


def _const(rule: Json) -> Test:
    return (lambda value: value is rule) if isinstance(rule, bool) else _one_of([rule])


def _pattern(rule: str) -> Test:
    search = compiled(rule).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _minimum(rule: float) -> Test:
    return lambda value: isinstance(value, bool) or not isinstance(value, int | float) or value >= rule


def _size(kind: type[str | list[Json] | dict[str, Json]], *, least: int = 0, most: float = float("inf")) -> Test:
    return lambda value: not isinstance(value, kind) or least <= len(value) <= most


def _items(rule: Any) -> Test:
    test = acceptor(rule)
    return lambda value: not isinstance(value, list) or all(map(test, value))


def _names(rule: Any) -> Test:
    test = acceptor(rule)
    return lambda value: not isinstance(value, dict) or all(map(test, value))


def _required(names: list[str]) -> Test:
    wanted = frozenset(names)
    return lambda value: not isinstance(value, dict) or value.keys() >= wanted


def _unique(rule: bool) -> Test:
    """Lists of texts only; any other is left to those who explain."""
    return lambda value: not (rule and isinstance(value, list)) or len({*map(_text, value)} - {None}) == len(value)


def _properties(properties: dict[str, Any], others: Any) -> Test:
    tests = {name: acceptor(below) for name, below in properties.items()}
    other = _nothing if others is False else acceptor(others)

    def test(value: Json) -> bool:
        if not isinstance(value, dict):
            return True
        for name, below in value.items():  # noqa: SIM110 - as above
            if not tests.get(name, other)(below):
                return False
        return True

    return test


def _nothing(_value: Json) -> bool:
    return False


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _choice(condition: Test, then: Test, otherwise: Any) -> Test:
    fallback = acceptor(otherwise)
    return lambda value: then(value) if condition(value) else fallback(value)


_KEYWORDS: Final[Mapping[str, Callable[[Any], Test]]] = {
    "type": _type,
    "enum": _one_of,
    "const": _const,
    "pattern": _pattern,
    "minimum": _minimum,
    "minLength": lambda rule: _size(str, least=rule),
    "maxLength": lambda rule: _size(str, most=rule),
    "minItems": lambda rule: _size(list, least=rule),
    "maxItems": lambda rule: _size(list, most=rule),
    "minProperties": lambda rule: _size(dict, least=rule),
    "maxProperties": lambda rule: _size(dict, most=rule),
    "items": _items,
    "propertyNames": _names,
    "required": _required,
    "uniqueItems": _unique,
}
