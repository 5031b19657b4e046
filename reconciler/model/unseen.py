"""Which characters nobody sees.

They are those of the categories Cc and Cf (but tab and line feed), line and paragraph separators, variation selectors,
the tag block, fillers, and what else Unicode calls ignorable by default. Excepted are joiners (U+200C, U+200D) where
they do what they are for: after a virama or between two letters of a joining script (RFC 5892, A.1 and A.2; the scripts
stand for the joining types), and U+200D between two emoji; and the selectors that choose how an emoji looks (U+FE0E and
U+FE0F), behind what has both forms (Unicode's emoji-variation-sequences.txt) or in a keycap.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from reconciler.model.regex import regex

UNSEEN: Final = regex(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800]"
)
"""Each of them, also where it is needed, and half a character, which no text that was decoded holds."""
_NON_JOINER: Final = "\u200c"
_JOINER: Final = "\u200d"
_LOOKS: Final = ("\ufe0e", "\ufe0f")
_VIRAMA: Final = 9
"""The combining class of what joins two consonants in the scripts of India."""
_JOINING: Final = regex("[\u0620-\u06d5\u06fa-\u07ff\u0840-\u08c9\u1820-\u18aa]")
"""Letters of Arabic, Syriac, N'Ko, Mandaic and Mongolian, and the marks between them."""
_EMOJI: Final = regex("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
_HAS_BOTH_FORMS: Final = regex(
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_KEYS: Final = "#*0123456789"
_KEYCAP: Final = "\u20e3"


def is_needed(found: re.Match[str]) -> bool:
    """Whether a match of ``UNSEEN`` is a character that does what it is for."""
    if found[0] not in (_NON_JOINER, _JOINER, *_LOOKS) or found.start() == 0:
        return False
    before, after = found.string[found.start() - 1], found.string[found.end() : found.end() + 1]
    if found[0] in _LOOKS:
        return bool(_HAS_BOTH_FORMS.match(before)) or (before in _KEYS and after == _KEYCAP)
    if unicodedata.combining(before) == _VIRAMA:
        return True
    pair = before, after or " "
    if all(map(_JOINING.match, pair)):
        return True
    return found[0] == _JOINER and all(map(_EMOJI.match, pair)) and after != "\ufe0f"
