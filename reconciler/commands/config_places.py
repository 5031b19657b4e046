"""Places in a configuration, as they are typed (``model.name``, ``stops[0]``) and as they are changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from reconciler.errors import UsageError
from reconciler.model.config import Json
from reconciler.model.regex import regex
from reconciler.planning.manifest_diff import Place, dotted

_PART: Final = regex(r"\"(?P<quoted>[^\"]+)\"|\[(?P<index>[0-9]{1,6})\]|(?P<plain>[^.\[\]\"]+)")


def place_of_key(key: str) -> Place:
    """``model.name``, ``stops[0]``, ``"a.b".c`` as the parts that lead to a value."""
    place: list[str | int] = []
    at = 0
    while match := _PART.match(key, at):
        if match["index"] is not None and not place:
            break
        place.append(int(match["index"]) if match["index"] is not None else match["quoted"] or match["plain"])
        at = match.end()
        if at == len(key):
            return tuple(place)
        if key[at] not in ".[" or key.endswith("."):
            break
        at += key[at] == "."
    raise UsageError(f"'{key}' is not a key", advice="write one as in greeting, model.name, stops[0] or '\"a.b\".c'")


def with_value_at(found: Sequence[Json], place: Place, depth: int, new: list[Json]) -> Json:
    """``found``, which is at the first ``depth`` parts of ``place``, with ``new`` at its end: one value, or none."""
    if depth == len(place):
        return new[0]
    value, part = found[0] if found else None, place[depth]
    is_last = depth + 1 == len(place)
    if isinstance(part, int):
        return _put_into_list(value, place, depth, new)
    if value is not None and not isinstance(value, dict):
        raise UsageError(f"{dotted(('config', *place[:depth]))} is not a mapping: it has no key '{part}'")
    holder = dict(value or {})
    if is_last and not new:
        del holder[part]
    else:
        holder[part] = with_value_at([holder[part]] if part in holder else [], place, depth + 1, new)
    return holder


def _put_into_list(value: Json, place: Place, depth: int, new: list[Json]) -> Json:
    index, name = cast(int, place[depth]), dotted(("config", *place[:depth]))
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a list", advice="to set a key that has brackets in its name, put it in quotes")
    if index > len(value):
        last = f"{name}[{len(value) - 1}] is the last one, and " if value else ""
        raise UsageError(f"there is no {name}[{index}]; {last}{name}[{len(value)}] adds one")
    if depth + 1 == len(place) and not new:
        return [*value[:index], *value[index + 1 :]]
    below = with_value_at(value[index : index + 1], place, depth + 1, new)
    return [*value[:index], below, *value[index + 1 :]]


def below(value: Json, part: str | int) -> Sequence[Json]:
    if isinstance(part, int):
        return value[part : part + 1] if isinstance(value, list) else ()
    return (value[part],) if isinstance(value, dict) and part in value else ()
