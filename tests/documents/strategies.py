"""What the laws of this room are tried on."""

from __future__ import annotations

from hypothesis import strategies as st

from reconciler.model.config import JsonObject

WORDS = [
    *("yes", "No", "on", "OFF", "y", "N", "true", "False", "null", "~", "", "=", "<<", ".inf", "-.INF", ".nan", "inf"),
    *(
        "1",
        "-0",
        "1.10",
        "0123",
        "0o17",
        "0x1F",
        "0b11",
        "1_000",
        "1_0e5",
        "1e3",
        "+.5",
        "12:30:45",
        "1:2",
        "2024-01-01",
    ),
    *("2024-01-01T00:00:00Z", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "?", "-", ":"),
    *("'", '"', "{", "[a]", ",", "---", "...", " a", "a ", "\t", "a\nb", "\n", "a\r\nb", "\x85", "\u2028", "\u2029"),
    *("\ufeff", "\0", "\x1b", "\x7f", "é", "😀", "\ufffe", "\\", "a" * 200, "{env: X}"),
]

texts = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4),
    max_leaves=12,
)
objects: st.SearchStrategy[JsonObject] = st.dictionaries(texts, values, max_size=5)
