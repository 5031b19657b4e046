"""A plan as it is reviewed: what comes first, what is one line, what is marked."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.cli.ui.diff import Detail
from reconciler.cli.ui.markdown import render_markdown
from reconciler.cli.ui.plan import Page, render_plan
from reconciler.codes import RefusalCode
from reconciler.model.config import JsonObject
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.plan import Action, ActionKind, Change, Drift, Mark, MarkCode, Plan, Refusal
from reconciler.planning.marks import Contents, content_marks, is_prompt
from reconciler.planning.review import MOST_CHANGES, ORDER, review
from tests.planning.world import world


def action(item: str, kind: ActionKind = ActionKind.UPDATE, **given: Any) -> Action:
    facts = {"from_version": "1.0.0", "to_version": "1.1.0", "reasons": (), "after": None, **given}
    return Action(key=ItemKey(Kind.EXTENSION, item), action=kind, **facts)


def plan(*actions: Action) -> Plan:
    return Plan(generation=1, actions=actions)


def test_what_takes_away_comes_first() -> None:
    replaced = action("r", marks=(Mark(MarkCode.REPLACES, "replaces"),))
    found = review(plan(*(action(f"i{kind}", kind) for kind in ActionKind), replaced))
    assert [part.what for part in found.parts] == [*ORDER]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [("notice-board.md", True), ("readme_prompt.txt", True), ("README.de.md", False), ("docs/NOTICE", False)],
)
def test_a_file_is_for_people_by_its_whole_name(path: str, is_one: bool) -> None:
    assert is_prompt(path) is is_one


def test_of_two_kinds_with_one_id_each_row_names_the_kind() -> None:
    mark = Mark(MarkCode.PROMPT, "its prompt changes")
    other = replace(action("a"), key=ItemKey(Kind.MODULE, "a"))
    found = Plan(
        generation=1,
        actions=(action("a", marks=(mark,)), replace(other, from_version="0.1.0"), action("b")),
        drift=(Drift(key=other.key, path="x.md", change=Change.EDITED),),
        refusals=(Refusal(key=other.key, code=RefusalCode.CONFLICT, message="no"),),
    )
    text, page = render_plan(found), render_markdown(review(found))
    for said in (text, page):
        assert "a (extension): its prompt changes" in said
        assert "a (agentic-module): x.md was changed by hand" in said
        assert "a (agentic-module): no [conflict]" in said
        assert "b (" not in said
    assert "<code>a (extension)</code>" in page


@pytest.mark.parametrize(
    "other", [{"to_version": "1.2.0"}, {"reasons": ("x",)}, {"diff": {"manifest": {"added": {"x": 1}}}}]
)
def test_only_what_is_told_alike_is_one_line(other: dict[str, Any]) -> None:
    [part] = review(plan(action("a"), action("b"), action("c", **other))).parts
    assert [change.ids for change in part.changes] == [("a", "b"), ("c",)]


def rows(*texts: str) -> JsonObject:
    return {
        "files": [
            {"path": "a.md", "change": "changed", "hunks": [{"rows": [{"sign": t[0], "text": t[1:]} for t in texts]}]}
        ]
    }


def test_lines_that_stay_make_no_difference_and_those_that_change_do() -> None:
    [part] = review(
        plan(
            action("a", diff=rows(" name: a", "+new")),
            action("b", diff=rows(" name: b", "+new")),
            action("c", diff=rows(" name: c", "+newer")),
        )
    ).parts
    assert [change.ids for change in part.changes] == [("a", "b"), ("c",)]


def test_what_is_marked_is_not_among_those_that_are_only_counted() -> None:
    many = [action(f"e{number:02}", reasons=(str(number),)) for number in range(MOST_CHANGES + 5)]
    marked = action("z", marks=(Mark(MarkCode.FILE_WRITE, "writes files: x"),), reasons=("last",))
    said = render_plan(plan(*many, marked))
    assert "  ~ update     z  " in said
    assert "… and 6 more to update (--full shows all)" in said
    assert "  ! z: writes files: x" in said


@pytest.mark.parametrize("different", [False, True], ids=["equal", "different"])
def test_3000_items_are_a_page_and_full_shows_the_rest(different: bool) -> None:
    many = plan(
        *(action(f"e{number:04}", reasons=(f"reason {number}",) if different else ()) for number in range(3000))
    )
    short = render_plan(many).splitlines()
    assert len(short) < 60
    assert short[0] == "Plan: 3000 to update (all 1.0.0 → 1.1.0)"
    assert short[-2] == "Plan: 3000 to update (all 1.0.0 → 1.1.0). Run 'llamagate apply' to do it."
    full = render_plan(many, Page(detail=Detail.FULL))
    assert all(f"e{number:04}" in full for number in range(3000))


def test_the_summary_says_the_versions_where_that_is_short() -> None:
    same, other = action("a"), action("b", to_version="1.0.0")
    assert review(plan(same, other)).parts[0].versions == ((("1.0.0", "1.1.0"), 1), (("1.0.0", "1.0.0"), 1))
    head = render_plan(plan(same, action("c"), other)).splitlines()[0]
    assert head == "Plan: 3 to update (2 of them 1.0.0 → 1.1.0, 1 without a new version)"


def test_a_replacement_is_counted_by_itself() -> None:
    found = world({"file": {"a": {}}, "disk": {"a": {"manifest.yaml": "other"}}, "allow": {"take_over": "all"}}).plan()
    assert render_plan(found).startswith("Plan: 1 to replace")
    assert [mark.code for mark in found.actions[0].marks] == [MarkCode.REPLACES]


STEP: JsonObject = {"uses": "file.write", "with": {"path": "./out.md"}}
TOOL: JsonObject = {"uses": "mcp.call", "with": {"server": "files", "tool": "read"}}
MARKS: dict[str, tuple[JsonObject, JsonObject, list[str]]] = {
    "a step that writes": ({}, {"steps": [STEP]}, ["writes files: ./out.md"]),
    "one that was there": ({"steps": [STEP]}, {"steps": [{"uses": "x"}, STEP]}, []),
    "one that writes a declared output": (
        {"outputs": [{"type": "file", "path": "./a.md"}], "steps": [{"uses": "file.write"}]},
        {"outputs": [{"type": "file", "path": "./b.md"}], "steps": [{"uses": "file.write"}]},
        ["writes files: ./b.md"],
    ),
    "one with its path in config": (
        {"steps": [{"uses": "file.write"}]},
        {"steps": [{"uses": "file.write", "config": {"path": "./x"}}]},
        ["writes files: ./x"],
    ),
    "one whose path is not written": (
        {},
        {"steps": [{"uses": "file.write"}]},
        ["writes files: a path that is known only when it runs"],
    ),
    "a second one": ({"steps": [STEP]}, {"steps": [STEP, STEP]}, ["writes files: ./out.md"]),
    "a tool server": (
        {"mcp_servers": ["files"], "steps": [TOOL]},
        {"mcp_servers": ["files", "web"], "steps": [TOOL]},
        ["calls tool server web"],
    ),
    "a tool of a server": (
        {"mcp_servers": ["files"]},
        {"mcp_servers": ["files"], "steps": [TOOL, {"uses": "mcp.call", "config": {"server": "web", "tool": "get"}}]},
        ["calls tool server files (read)"],
    ),
    "an open endpoint": ({}, {"endpoints": [{"path": "/x", "method": "post"}]}, ["answers without a key: POST /x"]),
    "one that is not open": (
        {},
        {"endpoints": [{"path": "/x", "method": "GET", "requires_auth": True}]},
        ["new endpoint: GET /x"],
    ),
    "one that is opened": (
        {"endpoints": [{"path": "/x", "method": "GET", "requires_auth": True}]},
        {"endpoints": [{"path": "/x", "method": "GET", "requires_auth": False}]},
        ["answers without a key: GET /x"],
    ),
    "one that stays open": (
        {"endpoints": [{"path": "/x", "method": "GET"}]},
        {"endpoints": [{"path": "/x", "method": "GET"}]},
        [],
    ),
    "a hook that logs": ({}, {"hooks": [{"on": "http.request", "action": "audit.log"}]}, []),
    "one that logs bodies": (
        {"hooks": [{"on": "http.request", "action": "audit.log"}]},
        {"hooks": [{"on": "http.request", "action": "audit.log"}], "config": {"redact": [{"path": "$.x"}]}},
        ["reads what callers send: http.request → audit.log"],
    ),
    "one that does what nobody knows": (
        {},
        {"hooks": [{"on": "http.request", "action": "send.home"}]},
        ["reads what callers send: http.request → send.home"],
    ),
    "what is no list of mappings": ({}, {"steps": [1], "hooks": "x", "endpoints": [None], "config": 3}, []),
    "a path that nobody sees": ({}, {"steps": [{**STEP, "with": {"path": "a\u202eb"}}]}, ["writes files: a<U+202E>b"]),
}


@pytest.mark.parametrize(("before", "after", "said"), MARKS.values(), ids=MARKS)
def test_marks(before: JsonObject, after: JsonObject, said: list[str]) -> None:
    found = content_marks(Contents(before={"": before}, after={"": after}), version=None)
    assert [mark.message for mark in found] == said


@pytest.mark.parametrize(
    ("path", "manifest", "is_marked"),
    [
        ("templates/a.txt", {}, True),
        ("README.md", {}, False),
        ("data.json", {}, False),
        ("manifest.yaml", {"changed": {"steps[0].with.prompt": ["a", "b"]}}, True),
        ("manifest.yaml", {"changed": {"config.level": [1, 2]}}, False),
    ],
)
def test_a_prompt_that_changes_without_a_new_version(
    path: str, manifest: dict[str, JsonObject], is_marked: bool
) -> None:
    files: list[JsonObject] = [{"path": path, "change": "changed", "hunks": [1]}]
    found = [*content_marks(Contents(before={}, after={}, files=files, manifest=manifest), version="1.0.0")]
    assert [mark.code for mark in found] == [MarkCode.PROMPT] * is_marked
    assert not [*content_marks(Contents(before={}, after={}, files=files, manifest=manifest), version=None)]


def test_what_is_saved_is_shown_again_as_it_was() -> None:
    given = plan(
        action("a", marks=(Mark(MarkCode.FILE_WRITE, "writes"),), diff=rows("+x")),
        action("b", ActionKind.REMOVE, to_version=None),
    )
    again = Plan.from_document(given.to_document())
    assert render_plan(replace(again, actions=given.actions)) == render_plan(given)
    assert [one.to_document() for one in again.actions] == [one.to_document() for one in given.actions]
