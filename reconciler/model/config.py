"""The ``config`` of an item: merged over the package's own, with values that come from the environment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A decoded YAML or JSON value. Beyond the decoders it appears only where users write free-form data."""

JsonObject: TypeAlias = dict[str, Json]

_ENV: Final = "env"


def merged(base: JsonObject, overlay: JsonObject) -> JsonObject:
    """``overlay`` laid deep over ``base``: mappings merge, everything else (lists too) replaces."""
    result = dict(base)
    for key, value in overlay.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and not is_env_reference(value):
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
    if one is other or one != other or not one:
        return one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def is_env_reference(value: Json) -> bool:
    """Whether ``value`` is written ``{env: NAME}``."""
    return isinstance(value, dict) and set(value) == {_ENV} and isinstance(value[_ENV], str)


def env_references(config: Json) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each place in ``config`` that holds ``{env: NAME}``, with the NAME."""
    if isinstance(config, dict):
        if is_env_reference(config):
            yield (), str(config[_ENV])
            return
        for key, value in config.items():
            yield from (((key, *place), name) for place, name in env_references(value))
    elif isinstance(config, list):
        for index, value in enumerate(config):
            yield from (((index, *place), name) for place, name in env_references(value))


def resolved(config: Json, variables: Mapping[str, str]) -> Json:
    """``config`` with each ``{env: NAME}`` replaced by that variable's text; ``KeyError(NAME)`` where it is unset."""
    if isinstance(config, dict):
        if is_env_reference(config):
            return variables[str(config[_ENV])]
        return {key: resolved(value, variables) for key, value in config.items()}
    if isinstance(config, list):
        return [resolved(value, variables) for value in config]
    return config
