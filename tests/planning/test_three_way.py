"""The three-way comparison as one table: every way in which record, package and disk can agree or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests.planning.world import World, key, on_disk, said, world

TABLE: Final = """
R N D    report  heal  ignore  overwrite  mutable
. . a    a       a     a       a          a
. a .    a       a     a       a          a
. a a    a       a     a       a          a
. a b    !       a     !       a          b
a . .    .       .     .       .          .
a . a    .       .     .       .          a
a . b    !~      .~    !       .~         b
a a .    .~      a~    .       .~         a~
a a a    a       a     a       a          a
a a b    b~      a~    b       b~         b
a b .    !~      b~    !       b~         b~
a b a    b       b     b       b          a
a b b    b       b     b       b          b
a b c    !~      b~    !       b~         c
a a ->   ->~     a~    ->      ->~        ->~
a a +    +~      a~    +       +~         +~
. a ->   !       a     !       a          !
. a +    !       a     !       a          !
"""
"""R recorded, N in the new package, D on disk; ``.`` no such file, ``->`` a link, ``+`` a folder with a file in it.

A cell says what then stands on disk; ``!`` is the refusal ``conflict``, ``~`` a drift row. ``report``, ``heal`` and
``ignore`` are the rules for edited and for missing files, ``overwrite`` is ``report`` with ``--overwrite``, and under
``mutable`` (with the default rules) the file is the program's own.
"""

RULES: Final[Mapping[str, tuple[Mapping[str, object], Mapping[str, object]]]] = {
    "report": ({"drift": {"edited": "report", "missing": "report"}}, {}),
    "heal": ({"drift": {"edited": "heal", "missing": "heal"}}, {}),
    "ignore": ({"drift": {"edited": "ignore", "missing": "ignore"}}, {}),
    "overwrite": ({"drift": {"edited": "report", "missing": "report"}}, {"overwrite": True}),
    "mutable": ({"mutable": ["f"]}, {}),
}
CONFLICT: Final = "f was changed by hand and by the package; --overwrite uses the package's file, after a backup"


def rows() -> list[tuple[str, str, str]]:
    """(R N D, rule, cell) for each cell."""
    head, *lines = (line.split() for line in TABLE.strip().splitlines())
    return [(" ".join(line[:3]), rule, cell) for line in lines for rule, cell in zip(head[3:], line[3:], strict=True)]


def installed(state: str, rule: str) -> World:
    recorded, wanted, found = ({} if letter == "." else {"f": letter} for letter in state.split())
    policy, allow = RULES[rule]
    disk = {"f/inside": "x"} if found == {"f": "+"} else found
    same = {"manifest.yaml": "m"}
    given = {"record": {"a": {"files": same | recorded}}, "file": {"a": {"files": same | wanted}}}
    return world({**given, "disk": {"a": same | disk}, "policy": policy, "allow": allow})


@pytest.mark.parametrize(("state", "rule", "cell"), [pytest.param(*row, id=" ".join(row)) for row in rows()])
def test_which_side_wins(state: str, rule: str, cell: str) -> None:
    before = installed(state, rule)
    plan = before.plan()
    assert [refusal.message for refusal in plan.refusals] == ([CONFLICT] if "!" in cell else [])
    assert [row.path for row in plan.drift] == (["f"] if "~" in cell else [])
    if not plan.refusals:
        assert after(before) == cell.rstrip("~")


def after(before: World) -> str:
    found = on_disk(before.applied().observed.item(key("a")))
    assert isinstance(found, dict)
    return "+" if "f/inside" in found else found.get("f", ".")


@pytest.mark.parametrize(
    ("state", "rule", "change"),
    [("a a b", "report", "edited"), ("a a .", "report", "missing"), ("a a ->", "heal", "replaced")],
)
def test_drift_says_how_the_file_departs(state: str, rule: str, change: str) -> None:
    assert said(installed(state, rule).plan())["drift"] == [f"a: f {change}"]


@pytest.mark.parametrize(
    ("state", "rule", "action"),
    [
        ("a a b", "heal", "repair a: f was edited"),
        ("a a .", "heal", "repair a: f was missing"),
        ("a a +", "heal", "repair a: f was replaced"),
        ("a b c", "heal", "update a: the package changed (1 file), but its version is still 1.0.0; f was edited"),
        ("a b c", "overwrite", "update a: the package changed (1 file), but its version is still 1.0.0"),
        ("a b a", "report", "update a: the package changed (1 file), but its version is still 1.0.0"),
        ("a b b", "report", "update a: the package changed (1 file), but its version is still 1.0.0"),
        ("a a b", "overwrite", None),
        ("a a b", "report", None),
        ("a a b", "mutable", None),
        ("a a a", "report", None),
        ("a a b", "ignore", None),
    ],
)
def test_what_it_is_called(state: str, rule: str, action: str | None) -> None:
    assert said(installed(state, rule).plan()).get("actions") == ([action] if action else None)
