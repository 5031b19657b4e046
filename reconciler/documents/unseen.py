"""Characters that nobody sees, as escapes that everybody does: ``<U+202E>``."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from msgspec import Struct

from reconciler.model.unseen import UNSEEN, is_needed

NO_NEWLINE: Final = "\ud800"
"""Stands at the end of a last line that has no line feed: half a character, which no text that was decoded holds."""


class Visible(Struct, frozen=True, kw_only=True):
    """A text with escapes: from where to where each is, and where its character was."""

    text: str
    escapes: tuple[tuple[int, int], ...]
    origins: tuple[int, ...]

    def place(self, before: int) -> int:
        """Where in ``text`` is what was at the place ``before``."""
        if not self.origins:
            return before
        at = bisect_left(self.origins, before)
        return before + (self.escapes[at - 1][1] - self.origins[at - 1] - 1 if at else 0)


def visible(text: str) -> Visible:
    """``text`` with an escape in place of each character that nobody sees."""
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable():
        return Visible(text=text, escapes=(), origins=())
    parts: list[str] = []
    escapes: list[tuple[int, int]] = []
    origins: list[int] = []
    length = end = 0
    for found in UNSEEN.finditer(text):
        if is_needed(found):
            continue
        escape = "<no newline at the end>" if found[0] == NO_NEWLINE else f"<U+{ord(found[0]):04X}>"
        length += found.start() - end
        escapes.append((length, length + len(escape)))
        origins.append(found.start())
        parts += [text[end : found.start()], escape]
        length, end = length + len(escape), found.end()
    return Visible(text="".join([*parts, text[end:]]), escapes=tuple(escapes), origins=tuple(origins))


def unseen_in(line: str) -> int:
    """How many characters in ``line`` nobody sees."""
    return len(visible(line).escapes) - line.endswith(NO_NEWLINE)
