"""Laws of reading only the entries of a mapping that differ: what is told is what reading all of it tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.yaml.partly import changed_entries
from reconciler.errors import InputError
from reconciler.model.config import JsonObject, same
from reconciler.packages.document import as_read
from tests.support.laws import examples

LINES = [
    *("a: 1", "b: x", "b: |", "b: >-", "c:", "c: yes", "version: 1.10", "a_b-c: 2", "null: 1", "a:", "b:x"),
    *("  x", "  y: z", "  - y", "- y", "  # hidden", "# c", "#", "", " ", "\t", "  b: x", "    deep: 1"),
    *("b: 'q", "  q'", "q'", 'c: "q', 'q"', '"b": 1', "b: [1,", "2]", "  2]", "b: {k: 1,", "l: 2}", "}", "? z", ": y"),
    *(
        "---",
        "...",
        "%YAML 1.2",
        "&x a: 1",
        "b: *x",
        "!t b: 1",
        "# c\u2028b: 2",
        "b: x\x85c: y",
        "a: x\rb: 2",
        "\ufeffa: 1",
    ),
]
lines = st.lists(st.sampled_from(LINES), max_size=7)


def load(text: str) -> JsonObject:
    return as_read(text.encode(), name="x")


def loaded(text: str) -> JsonObject | None:
    try:
        return load(text)
    except InputError:
        return None


@examples(10)
@given(above=lines, old=lines, new=lines, below=lines)
def test_it_is_what_reading_everything_tells(
    above: list[str], old: list[str], new: list[str], below: list[str]
) -> None:
    before, after = ("\n".join([*above, *between, *below]) for between in (old, new))
    known = loaded(after)
    if known is not None and (found := changed_entries(before, after, known, load)) is not None:
        assert loaded(before) is not None, (before, after)
        assert same(found, loaded(before)), (before, after)
        assert [*found] == [*(loaded(before) or {})]


@examples(10)
@given(above=lines, old=lines, new=lines, below=lines, keys=st.frozensets(st.sampled_from("abc")))
def test_so_it_is_where_only_some_entries_are_wanted(
    above: list[str], old: list[str], new: list[str], below: list[str], keys: frozenset[str]
) -> None:
    before, after = ("\n".join([*above, *between, *below]) for between in (old, new))
    known = loaded(after)
    if known is not None and (found := changed_entries(before, after, known, load, keys)) is not None:
        whole = loaded(before)
        assert whole is not None, (before, after)
        assert same(found, {key: value for key, value in whole.items() if key in keys}), (before, after)


AFTER = "# about\nname: x\nversion: 1.1\nsteps:\n  - uses: a\n# end of steps\nconfig: {level: 1}\n"


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [
        ("1.1", "1.0", ["version: 1.0\n"]),
        ("# about", "# other", []),
        ("# end of steps\n", "", ["steps:\n  - uses: a\n"]),
        ("config: {level: 1}\n", "", []),
        ("config:", "hooks: []\nconfig:", ["hooks: []\n"]),
        ("# about\n", "---\n", []),
    ],
)
def test_only_what_differs_is_read(old: str, new: str, read: list[str]) -> None:
    asked: list[str] = []

    def told(text: str) -> JsonObject:
        asked.append(text)
        return load(text)

    before, known = AFTER.replace(old, new), load(AFTER)
    found = changed_entries(before, AFTER, known, told)
    assert (found, asked) == (load(before), read)
    assert found is None or "steps" in "".join(read) or found["steps"] is known["steps"]


@pytest.mark.parametrize(
    "before",
    [
        "# about\u2028a: '\nname: x\nversion: 1.1\nsteps: '\n",
        AFTER.replace("version: 1.1", "version: '\nsteps:\n'"),
        AFTER.replace("version", '"version"'),
        AFTER.replace("version: 1.1", "version: 1.1\nversion: 1.2"),
        AFTER.replace("version: 1.1", "version: [1"),
        "",
    ],
)
def test_where_lines_may_be_something_else_nothing_is_told(before: str) -> None:
    assert changed_entries(before, AFTER, load(AFTER), load) is None


def test_only_some_entries_are_wanted() -> None:
    before = AFTER.replace("1.1", "1.0").replace("level: 1", "level: 2")
    assert changed_entries(before, AFTER, load(AFTER), load, ("steps", "config")) == {
        "steps": [{"uses": "a"}],
        "config": {"level": 2},
    }


@pytest.mark.parametrize(
    "inside",
    ['"one\nsteps: [] #"\n', "'one\nsteps: [] #'\n", "[one,\nsteps: [] #\n  ]\n", '{one: "\nsteps: [] #"}\n', "*x\n"],
)
def test_a_wanted_entry_may_be_in_the_middle_of_one_that_is_not(inside: str) -> None:
    """What looks like "steps" before is text, or an item, of a value that nobody asked for."""
    after = "about: one\nsteps: [] #\n"
    assert changed_entries(f"about: {inside}", after, load(after), load, ("steps",)) is None


def test_a_plain_line_that_is_not_wanted_is_not_read() -> None:
    asked: list[str] = []

    def told(text: str) -> JsonObject:
        asked.append(text)
        return load(text)

    before = AFTER.replace("1.1", "1.0").replace("level: 1", "level: 2")
    assert changed_entries(before, AFTER, load(AFTER), told, ("steps",)) == {"steps": [{"uses": "a"}]}
    assert asked == ["config: {level: 2}\n"]
