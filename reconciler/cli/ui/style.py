"""Colours, or none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from reconciler.model.regex import regex
from reconciler.model.unseen import UNSEEN, is_needed

When = Literal["auto", "always", "never"]
"""What ``--color`` takes."""

_MARK: Final = f"\ufdd0{os.urandom(8).hex()}:"
"""Precedes the number of a colour, until the text is written; another one in each process."""
_PAINTED: Final = regex(f"{_MARK}([0-9]{{2}})")
_CODES: Final = {"green": 32, "yellow": 33, "red": 31, "cyan": 36, "bold": 1, "dim": 2, "reverse": 7}


class Style(Struct, frozen=True):
    """Paints text, or leaves it as it is where there are no ``colours``.

    ``width`` is that of the terminal in columns; 0 where there is none, and lines may be as long as they are.
    """

    colours: bool = False
    width: int = 0

    def paint(self, text: str, colour: str) -> str:
        return f"{_MARK}{_CODES[colour]:02}{text}{_MARK}00" if self.colours else text


def shown(text: str) -> str:
    """``text`` as a terminal may have it: ``paint``'s colours, and nothing else that steers a terminal.

    What others wrote, in a registry, a manifest or a name, cannot colour anything either: it does not know the mark.
    Nothing in it is hidden: characters that nobody sees are escapes.
    """
    return _PAINTED.sub(
        _escape, UNSEEN.sub(lambda match: match[0] if is_needed(match) else ascii(match[0])[1:-1], text)
    )


def json_shown(text: str) -> str:
    """A JSON text, in which only strings can hold such characters, with them as JSON escapes."""
    return UNSEEN.sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    data = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


def _escape(match: re.Match[str]) -> str:
    return f"\x1b[{int(match[1])}m"


PLAIN: Final = Style()


def colours_wanted(when: When, variables: Mapping[str, str]) -> bool | None:
    """Whether there are colours; ``None`` means on a terminal only. The first of these decides:

    ``--color`` (not ``auto``), NO_COLOR, FORCE_COLOR or CLICOLOR_FORCE, CLICOLOR=0, TERM=dumb. An empty variable
    counts as not set, and so does 0 where a variable forces colours. (no-color.org, force-color.org,
    bixense.com/clicolors)
    """
    if when != "auto":
        return when == "always"
    if variables.get("NO_COLOR"):
        return False
    if any(variables.get(name, "") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if variables.get("CLICOLOR") == "0" or variables.get("TERM") == "dumb":
        return False
    return None
