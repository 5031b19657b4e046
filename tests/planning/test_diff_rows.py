"""Law: a line is folded at a page's width without losing or adding a character but for the space where it is folded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.ui.diff_line import Level, Line
from reconciler.cli.ui.diff_rows import diff_rows
from reconciler.cli.ui.style import PLAIN
from tests.support.laws import examples

texts = st.text(st.sampled_from([*"abc   ", "漢", "\u0301"]), max_size=120)


@examples(1)
@given(texts, st.integers(1, 60))
def test_nothing_is_lost(text: str, width: int) -> None:
    rows = [*diff_rows([Line(level=Level.TEXT, sign="+", text=text)], PLAIN, width)]
    assert all(row[:6] in ("    + ", "      ") for row in rows)
    assert "".join(row[6:] for row in rows).replace(" ", "") == text.replace(" ", "")
    if not any(character in text for character in "漢\u0301"):
        assert max(len(row) for row in rows) <= max(26, width)


def test_what_changed_has_brackets_where_there_are_no_colours() -> None:
    line = Line(level=Level.TEXT, sign="-", text="one two three", words=[[4, 7]])
    assert [*diff_rows([line], PLAIN)] == ["    - one [-two-] three"]
