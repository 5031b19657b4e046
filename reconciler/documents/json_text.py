"""JSON text, read under guard."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Final, NoReturn

from reconciler.codes import FaultCode
from reconciler.documents.text import decoded, position, shown
from reconciler.errors import InputError
from reconciler.model.config import Json
from reconciler.model.regex import regex

MAX_BYTES: Final = 64 * 2**20
MAX_DEPTH: Final = 64
MAX_NUMBER_CHARACTERS: Final = 400
MAX_SEARCHED_CHARACTERS: Final = 64 * 2**10
"""In a longer text the place of a duplicate key or bad word is not searched for: that takes longer than decoding."""

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_WORD: Final = regex(rf"{_STRING}|(?P<word>[-+.\w]+)")
_KEY_OR_BRACE: Final = regex(rf"(?P<key>{_STRING})\s*:|{_STRING}|[{{}}]")
_ESCAPE: Final = regex(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)

_HALVES: Final = regex(r"\\u[dD][89a-fA-F]")
_BIG_INTEGER: Final = regex(r"\d{19}")
_BIG_EXPONENT: Final = regex(r"[eE]\+?\d{3}")
"""Without one of these no escape is half a pair and no number too big, and the decoder need not ask for each."""


class _RejectedJsonError(Exception):
    """A bare word that JSON, or this program, does not allow."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


class _DuplicateKeyError(Exception):
    """An object holds ``key`` twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def load(data: bytes, *, name: str, max_bytes: int = MAX_BYTES) -> Json:
    """Decode ``data``: strict UTF-8, no duplicate keys, finite numbers, integers of 64 bits, depth at most 64.

    Raises ``InputError``; its fault names the file ``name``, line and column.
    """
    text = decoded(data, name=name, max_bytes=max_bytes)
    try:
        return _loaded(text)
    except json.JSONDecodeError as error:
        raise InputError.at(
            f"not valid JSON: {error.msg}", file=name, place=(error.lineno, error.colno), code=FaultCode.SYNTAX
        ) from error
    except RecursionError as error:
        raise InputError.at(f"nested deeper than {MAX_DEPTH} levels", file=name, code=FaultCode.SYNTAX) from error
    except _RejectedJsonError as error:
        place = _place_of(error.word, text)
        raise InputError.at(str(error), file=name, place=place, code=FaultCode.SYNTAX) from error
    except _DuplicateKeyError as error:
        raise _duplicate(text, name, error.key) from error


def _loaded(text: str) -> Json:
    has_long = _BIG_INTEGER.search(text) is not None
    integer = _integer if has_long else None
    real = _real if has_long or _BIG_EXPONENT.search(text) else None
    value: Json = json.loads(
        text, parse_constant=_constant, parse_int=integer, parse_float=real, object_pairs_hook=_object
    )
    for match in _ESCAPE.finditer(text) if _HALVES.search(text) else ():
        if match["half"]:
            raise json.JSONDecodeError("half of a surrogate pair", text, match.start())
    if _is_deep(value):
        raise RecursionError
    return value


def _place_of(word: str, text: str) -> tuple[int, int] | None:
    if len(text) > MAX_SEARCHED_CHARACTERS:
        return None
    return position(text, next((match.start() for match in _WORD.finditer(text) if match["word"] == word), 0))


def _constant(word: str) -> NoReturn:
    raise _RejectedJsonError(f"{word} is not a finite number", word)


def _integer(word: str) -> int:
    if len(word) <= MAX_NUMBER_CHARACTERS and -(2**63) <= int(word) < 2**63:
        return int(word)
    raise _RejectedJsonError(f"{shown(word)} does not fit 64 bits", word)


def _real(word: str) -> float:
    if len(word) <= MAX_NUMBER_CHARACTERS and not math.isinf(float(word)):
        return float(word)
    raise _RejectedJsonError(f"{shown(word)} is not a finite number", word)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKeyError(_doubled(key for key, _ in pairs))
    return result


def _doubled(keys: Iterable[str]) -> str:
    """The first key that comes a second time; there is one."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            break
        seen.add(key)
    return key


def _duplicate(text: str, name: str, key: str) -> InputError:
    """The error for the first key of ``text`` that its object holds already; ``key`` is one."""
    if len(text) > MAX_SEARCHED_CHARACTERS:
        return InputError.at(f"duplicate key {shown(key)}", file=name, code=FaultCode.SYNTAX)
    objects: list[dict[str, int]] = []
    for match in _KEY_OR_BRACE.finditer(text):
        if match[0] == "{":
            objects.append({})
        elif match[0] == "}":
            objects.pop()
        elif match["key"]:
            key, start = str(json.loads(match["key"])), match.start()
            first = objects[-1].setdefault(key, start)
            if first != start:
                message = f"duplicate key {shown(key)}; the first is in line {position(text, first)[0]}"
                return InputError.at(message, file=name, place=position(text, start), code=FaultCode.SYNTAX)
    return InputError.at("duplicate key", file=name, code=FaultCode.SYNTAX)


def _is_deep(value: Json) -> bool:
    level: list[dict[str, Json] | list[Json]] = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            below
            for outer in level
            for below in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(below, (dict, list))
        ]
    return bool(level)
