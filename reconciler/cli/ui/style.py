"""Colours, or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CODES: Final = {"green": 32, "yellow": 33, "red": 31, "cyan": 36, "bold": 1, "dim": 2}


@dataclass(frozen=True, slots=True)
class Style:
    """Paints text, or leaves it as it is where there are no ``colours``."""

    colours: bool = False

    def paint(self, text: str, colour: str) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colours else text


PLAIN: Final = Style()
