"""The ``config`` of an item: merged over the package's own, with values that come from the environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
    """A decoded YAML or JSON value. Beyond the decoders it appears only where users write free-form data."""
else:
    Json = Any  # a decoder of our own documents takes what JSON can hold, and cannot follow a type that names itself

JsonObject: TypeAlias = dict[str, Json]

_KINDS: Final = ("env", "file")
_EMPTY: Final = "empty"


class Reference(NamedTuple):
    """A value that is elsewhere: in the environment variable ``name``, or (``kind`` ``file``) in the file ``name``."""

    kind: str
    name: str
    may_be_empty: bool = False

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"the environment variable {self.name}" if self.kind == "env" else f"the file {self.name}"


def merged(base: JsonObject, overlay: JsonObject) -> JsonObject:
    """``overlay`` laid deep over ``base``: mappings merge, everything else (lists too) replaces."""
    result = dict(base)
    for key, value in overlay.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and reference_of(value) is None:
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def children(value: Json) -> Iterable[Json]:
    """The values directly below: of a mapping or a list; nothing else has any."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def has_more_than(most: int, values: Iterable[Json]) -> bool:
    """Whether there are more than ``most`` values, those below them included. No more than that are looked at."""
    waiting = [*values]
    for _ in range(most):
        if not waiting:
            return False
        waiting += children(waiting.pop())
    return bool(waiting)


def same(one: Json, other: Json) -> bool:
    """Whether both would be written alike; unlike ``==`` this tells 1, 1.0 and true apart."""
    if one is other or one != other or one in ({}, []):
        return one == other
    if not isinstance(one, dict | list):
        return type(one) is type(other) and (isinstance(one, str) or repr(one) == repr(other))
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def reference_of(value: Json) -> Reference | None:
    """What ``{env: NAME}`` or ``{file: PATH}``, also with ``empty: true``, refers to; ``None`` for other values."""
    if not isinstance(value, dict):
        return None
    kind = next((kind for kind in _KINDS if kind in value), "")
    name, may_be_empty = value.get(kind), value.get(_EMPTY, False)
    if not (kind and isinstance(name, str) and isinstance(may_be_empty, bool)) or value.keys() - {kind, _EMPTY}:
        return None
    return Reference(kind, name, may_be_empty)


def texts_of(config: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in ``config``, with its place in dotted form."""
    if isinstance(config, str):
        yield path, config
    elif isinstance(config, dict):
        for key, value in config.items():
            yield from texts_of(value, f"{path}.{key}" if path else key)
    elif isinstance(config, list):
        for number, value in enumerate(config):
            yield from texts_of(value, f"{path}[{number}]")


def references(config: Json) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Each place in ``config`` whose value is elsewhere, with where."""
    if reference := reference_of(config):
        yield (), reference
    elif isinstance(config, dict):
        for key, value in config.items():
            yield from (((key, *place), found) for place, found in references(value))
    elif isinstance(config, list):
        for index, value in enumerate(config):
            yield from (((index, *place), found) for place, found in references(value))


def with_references(config: Json, value_of: Callable[[Reference], Json]) -> Json:
    """``config`` with ``value_of`` each reference in its place."""
    if reference := reference_of(config):
        return value_of(reference)
    if isinstance(config, dict):
        return {key: with_references(value, value_of) for key, value in config.items()}
    if isinstance(config, list):
        return [with_references(value, value_of) for value in config]
    return config


def anchored(config: Json, folder: Path) -> Json:
    """``config`` with the paths of its ``{file: PATH}`` absolute; relative ones start from ``folder``."""

    def absolute(reference: Reference) -> Json:
        name = str(folder / reference.name) if reference.kind == "file" else reference.name
        permission: JsonObject = {_EMPTY: True} if reference.may_be_empty else {}
        return {reference.kind: name, **permission}

    return with_references(config, absolute)
