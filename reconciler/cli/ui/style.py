"""Colours, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

When = Literal["auto", "always", "never"]
"""What ``--color`` takes."""

_CODES: Final = {"green": 32, "yellow": 33, "red": 31, "cyan": 36, "bold": 1, "dim": 2}


class Style(Struct, frozen=True):
    """Paints text, or leaves it as it is where there are no ``colours``."""

    colours: bool = False

    def paint(self, text: str, colour: str) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colours else text


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
