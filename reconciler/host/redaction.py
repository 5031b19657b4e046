"""What a hook leaves out of the bodies that it writes: rules with JSONPaths. Pure.

A gateway decodes JSON by Go's rules, for which ``Content`` is ``content``. So it is for a rule, else a caller could
have a value read there and written here. Of two spellings in one mapping the gateway reads the last; a rule hides both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import islice
from typing import Any, Final

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathMatch
from jsonpath.exceptions import JSONPathError, JSONPathSyntaxError
from jsonpath.selectors import NameSelector
from jsonpath.token import (
    TOKEN_DOT_KEY_PROPERTY,
    TOKEN_KEY_NAME,
    TOKEN_KEYS,
    TOKEN_KEYS_FILTER,
    TOKEN_PSEUDO_ROOT,
    TOKEN_RE,
)

from reconciler.host.errors import RunError
from reconciler.model.config import Json, JsonObject

MAX_MATCHES: Final = 10_000
"""Of one rule of ``redact`` in one body."""

_REDACTED: Final = "[redacted]"
_NAMES: Final = (TOKEN_DOT_KEY_PROPERTY, TOKEN_KEY_NAME, TOKEN_KEYS, TOKEN_KEYS_FILTER, TOKEN_PSEUDO_ROOT)
"""They lead to what is no value in the body, and cannot be replaced."""


class _AnyCase(NameSelector):
    """Each entry of a mapping that has the name, in whatever case."""

    def resolve(self, node: JSONPathMatch) -> Iterable[JSONPathMatch]:
        for key in _spellings(node.obj, self.name) if isinstance(node.obj, Mapping) else ():
            match = node.new_child(node.obj[key], key)  # type: ignore[index]
            node.add_child(match)
            yield match


class _Environment(JSONPathEnvironment):
    """Knows no case in names, no functions and no patterns: those of a manifest must not run on what callers send."""

    def __init__(self) -> None:
        super().__init__()
        self.function_extensions.clear()

    def getitem(self, obj: Any, key: Any) -> Any:
        """In a filter a name is one value: the one that a gateway reads."""
        if not isinstance(obj, Mapping) or not isinstance(key, str):
            return super().getitem(obj, key)
        for last in reversed([*_spellings(obj, key)]):
            return obj[last]
        raise KeyError(key)

    def found(self, path: str, body: Json) -> Iterator[JSONPathMatch]:
        """The places in ``body``. ``JSONPathError`` where ``path`` is none, leads to no value, or has a pattern."""
        for token in self.lexer.tokenize(path):
            if token.kind in (TOKEN_RE, *_NAMES):
                raise JSONPathSyntaxError("patterns and names are not permitted", token=token)
        compiled = self.compile(path)
        for one in _single_paths(compiled):
            for segment in one.segments:
                segment.selectors = tuple(map(_in_any_case, segment.selectors))
        yield from compiled.finditer(body)


def _single_paths(path: JSONPath | CompoundJSONPath) -> Iterator[JSONPath]:
    """A path itself; of several in one, each."""
    if isinstance(path, JSONPath):
        yield path
        return
    yield from _single_paths(path.path)
    for _, one in path.paths:
        yield one


def _in_any_case(selector: Any) -> Any:
    if not isinstance(selector, NameSelector):
        return selector
    return _AnyCase(env=selector.env, token=selector.token, name=selector.name)


def _spellings(mapping: Mapping[str, object], name: str) -> Iterator[str]:
    folded = name.casefold()
    return (key for key in mapping if key.casefold() == folded)


def cost_of_redaction(rules: list[Json], body: int) -> int:
    """In the units of ``weight``: a rule that looks at all depths may look at each value once for each other."""
    return sum(body * (body if ".." in str(rule) else 2) * 5 for rule in rules)


def redacted(body: Json, rules: list[Json]) -> Json:
    """A copy of ``body`` with the rules laid over it.

    ``truncate`` cuts a text to ``max_len`` characters; any other mode, or value, is replaced. ``RunError`` for a path
    that is not understood: what it should hide would else be written.
    """
    environment = _Environment()
    copy = deepcopy(body)
    for rule in rules:
        path = rule.get("path") if isinstance(rule, dict) else None
        if not isinstance(rule, dict) or not isinstance(path, str):
            raise RunError("a rule of 'redact' has a 'path'")
        try:
            found = list(islice(environment.found(path, copy), MAX_MATCHES + 1))
        except JSONPathError as error:
            raise RunError(f"the path {path[:80]!r} of 'redact' is not understood") from error
        if len(found) > MAX_MATCHES:
            raise RunError(f"the path {path[:80]!r} of 'redact' fits more than {MAX_MATCHES} places in one body")
        for match in sorted(found, key=lambda one: -len(one.parts)):  # what is deeper first
            copy = _replaced(copy, tuple(match.parts), _hidden(match.obj, rule))
    return copy


def _hidden(value: object, rule: JsonObject) -> Json:
    longest = rule.get("max_len")
    if rule.get("mode") == "truncate" and isinstance(value, str) and isinstance(longest, int):
        return value if len(value) <= longest else value[: max(0, longest)] + "…"
    return _REDACTED


def _replaced(document: Json, place: tuple[str | int, ...], value: Json) -> Json:
    if not place:
        return value
    holder: Json = document
    for part in place[:-1]:
        holder = holder[part]  # type: ignore[index]
    holder[place[-1]] = value  # type: ignore[index]
    return document
