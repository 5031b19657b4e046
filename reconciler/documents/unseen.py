"""Characters that nobody sees, as escapes that everybody does: ``<U+202E>``.

They are those of the categories Cc and Cf (but tab and line feed), line and paragraph separators, variation selectors,
the tag block, fillers, and what else Unicode calls ignorable by default. Excepted are joiners (U+200C, U+200D) where
they do what they are for: after a virama or between two letters of a joining script (RFC 5892, A.1 and A.2; the scripts
stand for the joining types), and U+200D between two emoji.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex

NO_NEWLINE: Final = "\ud800"
"""Stands at the end of a last line that has no line feed: half a character, which no text that was decoded holds."""
_UNSEEN: Final = regex(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800]"
)
_NON_JOINER: Final = "\u200c"
_JOINER: Final = "\u200d"
_VIRAMA: Final = 9
"""The combining class of what joins two consonants in the scripts of India."""
_JOINING: Final = regex("[\u0620-\u06d5\u06fa-\u07ff\u0840-\u08c9\u1820-\u18aa]")
"""Letters of Arabic, Syriac, N'Ko, Mandaic and Mongolian, and the marks between them."""
_EMOJI: Final = regex("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")


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
    if text.isascii() and text.isprintable():
        return Visible(text=text, escapes=(), origins=())
    parts: list[str] = []
    escapes: list[tuple[int, int]] = []
    origins: list[int] = []
    length = end = 0
    for found in _UNSEEN.finditer(text):
        if _is_needed(found):
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


def _is_needed(found: re.Match[str]) -> bool:
    """Whether it is a joiner that does what joiners are for."""
    if found[0] not in (_NON_JOINER, _JOINER) or found.start() == 0:
        return False
    before, after = found.string[found.start() - 1], found.string[found.end() : found.end() + 1]
    if unicodedata.combining(before) == _VIRAMA:
        return True
    pair = before, after or " "
    if all(map(_JOINING.match, pair)):
        return True
    return found[0] == _JOINER and all(map(_EMOJI.match, pair)) and after != "\ufe0f"
