"""What a glance tells of a file is what comparing it line by line tells, or nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.documents.unseen import visible
from reconciler.model.config import JsonObject
from reconciler.planning.content.blocks import is_prose
from reconciler.planning.content.file_change import FileSide, file_change
from reconciler.planning.content.glance import glanced_change
from reconciler.planning.content.hunks import lines_of
from reconciler.planning.review import alike
from tests.planning.test_law_text_diff import Edited
from tests.support.laws import examples

lines = st.lists(
    st.sampled_from(["", "a", "b", "c d", "e f g", "h i", "  a", "- a", "# a", "```", "---", "b\\", "x\u202ea", "ü"]),
    max_size=9,
)
texts = st.tuples(lines, st.booleans()).map(lambda made: "\n".join(made[0]) + "\n" * made[1])
paths = st.sampled_from(["a.md", "a.yaml", "a.py", "templates/a"])


def whole(path: str, before: bytes | None, after: bytes | None) -> JsonObject | None:
    sides = (
        None if data is None else FileSide(sha256=hashlib.sha256(data).hexdigest(), data=data)
        for data in (before, after)
    )
    return file_change(path, *sides)


def check(path: str, before: bytes | None, after: bytes | None) -> None:
    """Of prose a comparison may show more: lines that stay, in a paragraph that is no longer one."""
    glance, change = glanced_change(path, before, after), whole(path, before, after)
    if glance is None:
        return
    assert change is not None
    if is_prose(path) and before and after:
        old, new = (Counter(visible(line).text for line in lines_of(data.decode())) for data in (before, after))
        rows = [(row["sign"], row["text"]) for row in cast(Any, glance)["hunks"][0]["rows"]]
        assert Counter(rows) == Counter(
            [*(("-", one) for one in (old - new).elements()), *(("+", one) for one in (new - old).elements())]
        )
    else:
        assert {**glance, "hunks": []} == {**change, "hunks": []}, (path, before, after)
        assert alike({"files": cast(Any, [glance])}) == alike({"files": cast(Any, [change])}), (path, before, after)


@examples(8)
@given(path=paths, before=texts, after=texts)
def test_a_change(path: str, before: str, after: str) -> None:
    assume(before != after)
    check(path, before.encode(), after.encode())


@examples(3)
@given(path=paths, text=texts)
def test_a_file_that_comes_or_goes(path: str, text: str) -> None:
    check(path, None, text.encode())
    check(path, text.encode(), None)


def test_paragraphs_that_were_edited_and_wrapped_otherwise() -> None:
    for seed in range(200):
        text = Edited(seed)
        if text.before != text.after:
            check("a.md", text.before.encode(), text.after.encode())


@pytest.mark.parametrize(
    "after",
    [b"a\xff", b"a\0", b"a\r\nb", "a\u200b".encode(), "\ufeffa".encode(), "a\n".encode("utf-16"), b"two\none\n"],
    ids=repr,
)
def test_what_takes_more_than_a_glance(after: bytes) -> None:
    assert glanced_change("a.md", b"one\ntwo\n", after) is None


def test_the_usual_change_takes_no_more() -> None:
    found = glanced_change("a.yaml", b"a\nold\nz\n", b"a\nnew\nmore\nz\n")
    assert found is not None
    assert [row["sign"] + row["text"] for row in cast(Any, found)["hunks"][0]["rows"]] == ["-old", "+new", "+more"]
