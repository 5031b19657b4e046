"""The JSON in what a model says, and values as the types that outputs and inputs declare. Pure."""

from __future__ import annotations

import json
import math
import re
from itertools import chain, islice
from typing import Final

from reconciler.model.config import Json, JsonObject

_FENCED: Final = re.compile(r"```[a-zA-Z]*[^\S\n]*\n(.*?)```", re.DOTALL)
_BRACE: Final = re.compile(r"\{")
_TRIES: Final = 50
"""Fenced blocks that are looked at, and places at which JSON may begin: each try may read to the end."""

_TYPES: Final = {"string": (str,), "number": (int, float), "boolean": (bool,), "object": (dict,), "array": (list,)}


def has_type(value: Json, name: str) -> bool:
    """Whether ``value`` has the type ``name`` of the gateway dialect; any has a type that is not known."""
    types = _TYPES.get(name)
    is_truth_value = isinstance(value, bool) and name == "number"  # which Python counts as an integer
    return types is None or (isinstance(value, types) and not is_truth_value)


def object_in(text: str) -> JsonObject | None:
    """The JSON object that ``text`` is, or holds in a fenced block or between other words."""
    fenced = (match[1] for match in islice(_FENCED.finditer(text), _TRIES))
    whole = (json_value(candidate.strip()) for candidate in chain([text], fenced))
    inside = (_decoded_from(text, match.start()) for match in islice(_BRACE.finditer(text), _TRIES))
    return next((found for found in chain(whole, inside) if isinstance(found, dict)), None)


def as_type(value: Json, name: str) -> Json:
    """``value`` as its declared type: a model gives numbers and objects as text. What cannot be read so stays text."""
    if not isinstance(value, str) or name not in _TYPES or name == "string":
        return value
    found = object_in(value) if name == "object" else json_value(_unfenced(value))
    return found if found is not None and has_type(found, name) else value


def _unfenced(text: str) -> str:
    match = _FENCED.search(text)
    return match[1].strip() if match else text.strip()


def json_value(text: str | bytes) -> Json:
    """The JSON in ``text``; ``None`` where it is none, or where a number in it is not finite."""
    try:
        value: Json = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return value


def _decoded_from(text: str, at: int) -> Json:
    try:
        value: Json = json.JSONDecoder(parse_constant=_finite, parse_float=_finite).raw_decode(text, at)[0]
    except (ValueError, RecursionError):
        return None
    return value


def _finite(word: str) -> float:
    """A number that can be written again; neither the words NaN and Infinity nor ``1e999`` are one."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number
