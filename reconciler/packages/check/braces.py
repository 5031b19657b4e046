"""Braces that look like a placeholder and are none: nothing fills them in, and a model reads them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex
from reconciler.packages.steps import PLACEHOLDER

_BRACES: Final = regex(r"\{\{(?P<inside>[^{}]*)\}\}|\{\{(?!\{)[^{}\n]{0,40}")
_PLACEHOLDER: Final = regex(PLACEHOLDER)
_ACTION: Final = regex(
    r"\{\{-?\s*(?:\.?[A-Za-z_][\w-]*(?:\.[\w-]+)*|\$\w+"
    r"|range\s+(?:\$\w+\s*,\s*)?\$\w+\s*:=\s*\.[\w.-]+)\s*-?\}\}"
)
_UNKNOWN_WORDS: Final = frozenset(["else", "break", "continue"])
_SHOWN: Final = 40


class Braces(Struct, frozen=True, kw_only=True):
    """``text`` begins at ``start``; ``message`` says what is wrong with it."""

    text: str
    start: int
    message: str


def unfilled(text: str, *, is_template: bool = False) -> Iterator[Braces]:
    """What in ``text`` is never filled in. A template may have ranges, too; in one, all else fails the run."""
    for match in _BRACES.finditer(text):
        found, inside = match[0], match["inside"]
        if inside is None:
            message = f"'{_short(found)}' has no '}}}}'; write {{{{NAME}}}}"
        elif not inside.strip():
            message = f"'{_short(found)}' names nothing; write {{{{NAME}}}}"
        elif is_template:
            if _ACTION.fullmatch(found) and inside.strip("- \t\r\n") not in _UNKNOWN_WORDS:
                continue
            message = f"'{_short(found)}' is not supported in a template; use {{{{NAME}}}} or a range"
        elif _PLACEHOLDER.fullmatch(found):
            continue
        else:
            message = f"'{_short(found)}' is not filled in; only {{{{NAME}}}} and {{{{NAME.PART}}}} are"
        yield Braces(text=found, start=match.start(), message=message)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
