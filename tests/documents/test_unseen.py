"""Characters that nobody sees are escapes in whatever is shown; joiners stay where they do something."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest

from reconciler.documents.unseen import unseen_in, visible

_TAGS = range(0xE0000, 0xE1000)
_NEW = range(0x13439, 0x13440)  # of Unicode 15, which Python 3.11 does not know
_SELECTORS = (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10))
_FILLERS = (
    0x034F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x2028,
    0x2029,
    0x2065,
    0x2800,
    0x3164,
    0xFFA0,
    *range(0xFFF0, 0xFFF9),
)
_KNOWN = frozenset((*_TAGS, *_SELECTORS, *_FILLERS, *_NEW))
_ESCAPE = re.compile(r"<U\+[0-9A-F]{4,6}>")


def _is_unseen(code: int) -> bool:
    return code in _KNOWN or (unicodedata.category(chr(code)) in ("Cc", "Cf") and chr(code) not in "\t\n")


def test_every_character_of_the_unseen_classes_is_an_escape_and_no_other() -> None:
    escapes = {code: f"<U+{code:04X}>" for code in range(sys.maxunicode + 1) if _is_unseen(code)}
    for start in range(0, sys.maxunicode + 1, 0x800):
        text = "a".join(chr(code) for code in range(start, start + 0x800) if not 0xD800 <= code < 0xE000)
        expected = text.translate(escapes)
        seen = visible(text)
        assert seen.text == expected, hex(start)
        assert [*seen.escapes] == [found.span() for found in _ESCAPE.finditer(expected)], hex(start)


@pytest.mark.parametrize(
    "text",
    [
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\u0d28\u0d4d\u200d",
        "\U0001f468\u200d\U0001f469",
        "\u2764\ufe0f",
        "\u2764\ufe0f\u200d\U0001f525",
        "\u2639\ufe0e",
        "1\ufe0f\u20e3",
    ],
    ids=["persian", "devanagari", "malayalam", "emoji", "heart", "heart on fire", "text form", "keycap"],
)
def test_joiners_and_selectors_stay_where_they_do_something(text: str) -> None:
    assert visible(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "a\u200db",
        "\u200d",
        "a\u200c",
        "\u0645\u200c",
        "\U0001f468\u200d",
        "\U0001f468\u200c\U0001f469",
        "a\ufe0f",
        "1\ufe0f",
    ],
)
def test_elsewhere_they_are_escapes(text: str) -> None:
    assert unseen_in(text) == 1


def test_a_place_is_found_again_behind_escapes() -> None:
    seen = visible("a\u202eb\u200bc")
    assert [seen.text[seen.place(at)] for at in (0, 2, 4)] == ["a", "b", "c"]


def test_a_second_selector_is_an_escape() -> None:
    assert visible("\u2764\ufe0f\ufe0f").text == "\u2764\ufe0f<U+FE0F>"
