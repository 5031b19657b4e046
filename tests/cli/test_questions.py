"""Questions: what differs, what an item is, why it is there, what needs it, what a word means."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from reconciler.cli.graph import graph_text
from reconciler.cli.ui.style import PLAIN
from reconciler.codes import ErrorCode, FaultCode, FindingCode, RefusalCode, WarningCode
from reconciler.documents.schemas import schema_text
from reconciler.model.ids import ItemKey, Kind
from reconciler.queries.graph import Edge, Graph, Node
from tests.cli.again import Again, once
from tests.cli.shell import Session
from tests.support.packages import MANIFEST

PLANTED = "planted-5ecret"
PROMPT = "prompt.md"


def make(session: Session) -> None:
    """Two generations of ``a``: its prompt and its version change; a secret is in its configuration."""
    session.package("a", files={PROMPT: "Never reveal it.\n"})
    session.package("b")
    session.desired("extensions:\n  a:\n    source: ./packages/a\n    config: {x: {env: X}}\n  b: ./packages/b\n")
    session.variables["X"] = PLANTED
    session.llamagate("apply")
    session.package("a", version="2.0.0", files={PROMPT: "Always reveal it.\n"})
    session.llamagate("apply")


made = once(make)


@pytest.fixture
def two(made: Again) -> Session:
    return made.session()


def changed(document: Any) -> list[tuple[str, str, list[str]]]:
    return [(one["change"], one["id"], [file["path"] for file in one["diff"].get("files", ())]) for one in document]


BOTH = ["manifest.yaml", PROMPT]


@pytest.mark.parametrize(
    ("words", "versions"),
    [
        (("@1",), ("1.0.0", "2.0.0")),
        (("@1", "@2"), ("1.0.0", "2.0.0")),
        (("@2", "@1"), ("2.0.0", "1.0.0")),
        (("a@1.0.0", "a@2.0.0"), ("1.0.0", "2.0.0")),
        (("a@1.0.0",), ("2.0.0", "1.0.0")),
    ],
    ids=" ".join,
)
def test_two_states_differ_by_what_changed_between_them(
    two: Session, words: tuple[str, ...], versions: tuple[str, str]
) -> None:
    found = two.llamagate("diff", *words, "--json").json
    assert changed(found["items"]) == [("changed", "a", BOTH)]
    assert (found["items"][0]["from_version"], found["items"][0]["to_version"]) == versions


def test_what_comes_and_goes_between_generations_is_shown_whole(two: Session) -> None:
    two.llamagate("remove", "b", "--save")
    assert changed(two.llamagate("diff", "@2", "--json").json["items"]) == [("removed", "b", ["manifest.yaml"])]
    assert changed(two.llamagate("diff", "@3", "@2", "--json").json["items"]) == [("added", "b", ["manifest.yaml"])]


def test_the_home_against_itself_does_not_differ(two: Session) -> None:
    for words in ((), ("a",), ("@2",), ("./packages/a",), ("a@2.0.0",)):
        assert two.llamagate("diff", *words, "--json", "--detailed-exitcode").json["items"] == []


def test_a_package_is_compared_with_what_is_installed(two: Session) -> None:
    two.package("a", version="3.0.0", files={PROMPT: "Perhaps.\n"})
    found = two.llamagate("diff", "./packages/a", "--json", "--detailed-exitcode", exits=2).json
    assert changed(found["items"]) == [("changed", "a", BOTH)]
    two.package("c")
    assert changed(two.llamagate("diff", "packages/c", "--json").json["items"]) == [("added", "c", ["manifest.yaml"])]
    assert two.llamagate("plan", "--json").json["actions"][0]["id"] == "a"


def test_one_item_is_compared_with_the_file_and_the_others_are_left_out(two: Session) -> None:
    two.package("a", version="3.0.0")
    two.package("b", version="3.0.0")
    assert [one["id"] for one in two.llamagate("diff", "b", "--json").json["items"]] == ["b"]


def test_what_was_changed_by_hand_is_shown_as_that(two: Session) -> None:
    two.installed("a", PROMPT).write_text("Sometimes.\n")
    found = two.llamagate("diff", "a", "--json").json
    assert found["items"] == []
    assert changed(found["drift"]) == [("changed", "a", [PROMPT])]
    said = two.llamagate("diff", "a").out
    assert "- Always reveal it." in said
    assert "+ Sometimes." in said


@pytest.mark.parametrize("place", ["templates/x.md", "templates"])
def test_what_a_link_leads_to_is_not_shown(session: Session, place: str) -> None:
    session.package("a", files={"templates/x.md": "Help.\n"})
    session.extensions("a")
    session.llamagate("apply")
    session.write("outside/x.md", "of somebody else\n")
    installed = session.installed("a", place)
    installed.rename(session.base / "away")
    installed.symlink_to(session.project / place.replace("templates", "outside"))
    refused = 5 if place == "templates" else 0
    for words, code in ((("status", "--diff", "a"), 0), (("diff", "a"), refused), (("diff", "./packages/a"), 0)):
        said = session.llamagate(*words, exits=code).out
        assert "templates/x.md" in said
        assert "somebody else" not in said


def test_it_is_shown_beside_a_package_too(two: Session) -> None:
    two.installed("a", PROMPT).write_text("Sometimes.\n")
    found = two.llamagate("diff", "./packages/a", "--json").json
    assert (found["items"], changed(found["drift"])) == ([], [("changed", "a", [PROMPT])])


def test_a_file_that_may_be_run_from_now_on_is_a_difference_between_generations(two: Session) -> None:
    (two.project / f"packages/a/{PROMPT}").chmod(0o755)
    two.llamagate("apply")
    [one] = two.llamagate("diff", "@2", "@3", "--json").json["items"]
    assert [file["mode"] for file in one["diff"]["files"]] == [["644", "755"]]
    assert "a: the executable bit of files changed" in two.llamagate("history").out


def test_a_package_that_the_cache_lost_is_said(two: Session) -> None:
    for cached in (two.home / "reconciler/cache").iterdir():
        cached.unlink()
    [one] = two.llamagate("diff", "@1", "@2", "--json").json["items"]
    assert one["diff"] == {}
    assert any("not in the cache" in reason for reason in one["reasons"])


@pytest.mark.parametrize("words", ["a b", "@1 @2 @3", "@1 a", "@x", "a@1.0.0 b@1.0.0"])
def test_what_cannot_be_compared_is_a_usage_error(two: Session, words: str) -> None:
    two.llamagate("diff", *words.split(), exits=64)


def test_a_reason_of_many_lines_keeps_its_column(session: Session) -> None:
    session.extensions("a")
    session.llamagate("apply", "-m", "one\nGeneration 9  current")
    assert "\n           Generation 9  current\n" in session.llamagate("history", "1").out


def test_a_number_with_thousands_of_digits_is_wrong_input(two: Session) -> None:
    number = "9" * 5000
    assert "'llamagate history' lists" in two.llamagate("diff", f"@{number}", exits=64).err
    assert two.llamagate("explain", number, "--json", exits=1).error["code"] == "not-found"


@pytest.mark.parametrize("words", ["a@", "@1 a@1.0.0", "a@1.0.0 @1"])
def test_what_has_no_id_or_no_version_is_a_usage_error(two: Session, words: str) -> None:
    assert "ID@VERSION" in two.llamagate("diff", *words.split(), exits=64).err


def test_an_item_that_is_needed_in_many_ways_is_explained_once(session: Session) -> None:
    layers = [[f"l{number}-{side}" for side in "ab"] for number in range(10)]
    needs = {item: below for below, layer in zip([[], *layers], layers, strict=False) for item in layer}
    session.home.mkdir()
    entries = [f"  {item}: {{source: ./{item}, depends_on: {json.dumps(below)}}}" for item, below in needs.items()]
    session.desired("\n".join(["extensions:", *entries, ""]))
    said = session.llamagate("why", "l0-a").out
    assert len(said.splitlines()) < 4 * len(needs)
    assert "needs it (depends_on) (see above)" in said
    assert all(f"extension {item} needs it" in said for item in needs if item[:3] != "l0-")


def test_nothing_is_written_but_the_cache(two: Session) -> None:
    before = two.everything()
    for words in (("diff",), ("diff", "@1"), ("diff", "a@1.0.0"), ("show", "a"), ("why", "a"), ("graph",)):
        two.llamagate(*words)
    assert two.everything() == before


@pytest.mark.parametrize("flags", [(), ("--json",), ("--color", "always"), ("-v",)], ids=str)
def test_no_secret_is_shown(two: Session, flags: tuple[str, ...]) -> None:
    literals = "api_key: planted-5ecret-too, password: {deep: planted-5ecret-3}"
    two.edit("llamagate.yaml", "{x: {env: X}}", f"{{x: {{env: X}}, {literals}}}")
    two.llamagate("apply")
    two.installed("a", "manifest.yaml").write_text(two.installed("a", "manifest.yaml").read_text() + "# by hand\n")
    words = (("show", "a"), ("diff", "@1"), ("diff",), ("diff", "./packages/a"), ("diff", "a@1.0.0"), ("why", "a"))
    for one in words:
        said = two.llamagate(*one, *flags)
        assert PLANTED not in said.out + said.err


def test_show_says_where_each_value_comes_from(two: Session) -> None:
    values = {one["key"]: one for one in two.llamagate("show", "a", "--json").json["config"]}
    assert values["x"]["from"] == "the environment variable X"
    assert (values["x"]["value"], values["x"]["line"]) == ("(hidden)", 5)
    assert values["interval"]["from"] == "package"


def test_show_tells_the_routes_and_the_history(session: Session) -> None:
    session.package("a")
    text = (session.project / "packages/a/manifest.yaml").read_text()
    session.write("packages/a/manifest.yaml", text + "endpoints: [{path: /hook, method: post}]\n")
    session.desired("extensions: {a: ./packages/a}\n")
    session.llamagate("apply")
    session.llamagate("disable", "a")
    session.llamagate("enable", "a")
    found = session.llamagate("show", "a", "--json").json
    assert found["routes"] == [{"method": "POST", "path": "/v1/extensions/a/hook", "requires_auth": False}]
    assert [(one["generation"], one["changes"]) for one in found["history"]] == [
        (3, ["enabled: true"]),
        (2, ["enabled: false"]),
        (1, ["installed"]),
    ]


def test_an_item_of_another_tool_is_shown_as_that(session: Session) -> None:
    session.write(str(session.installed("x", "manifest.yaml")), MANIFEST.format(id="x", version="1.0.0"))
    found = session.llamagate("show", "x", "--json").json
    assert (found["state"], found["owner"], found["files"]) == (
        "unmanaged",
        None,
        [{"path": "manifest.yaml", "state": "not ours"}],
    )
    assert "no file lists it" in session.llamagate("why", "x").out


def test_a_circle_ends(session: Session) -> None:
    session.package("a")
    session.package("b")
    session.desired(
        "extensions:\n  a: {source: ./packages/a, depends_on: [b]}\n  b: {source: ./packages/b, depends_on: [a]}\n"
    )
    session.home.mkdir()
    assert session.llamagate("why", "a").out.count("needs it") == 2
    assert {line.split()[0] for line in session.llamagate("graph").out.splitlines()} == {"a", "b"}


@pytest.mark.parametrize("code", sorted({*ErrorCode, *FaultCode, *RefusalCode, *WarningCode, *FindingCode}))
def test_every_code_is_explained(session: Session, code: str) -> None:
    found = session.llamagate("explain", code, "--json").json["codes"]
    assert found
    assert all(one["cause"] and one["cure"] for one in found)


def test_every_key_of_the_desired_state_is_explained(session: Session) -> None:
    schema = json.loads(schema_text("desired-state"))
    for key, below in schema["properties"].items():
        found = session.llamagate("explain", key, "--json").json["keys"]
        assert ("desired-state", key) in [(one["document"], one["key"]) for one in found]
        for second in below.get("properties", {}):
            session.llamagate("explain", f"{key}.{second}")


@pytest.mark.parametrize("word", ["extensions.any-id.source.git", "steps[0].uses", "steps.uses", "endpoints[].path"])
def test_a_place_in_a_file_is_explained(session: Session, word: str) -> None:
    assert session.llamagate("explain", word, "--json").json["keys"]


def test_a_word_that_is_neither_names_the_nearest(session: Session) -> None:
    assert "max_prune" in session.llamagate("explain", "policy.max_pruen", "--json", exits=1).error["message"]


def test_catalogs_are_searched_and_shown_before_anything_is_installed(session: Session) -> None:
    session.package("greeter", files={PROMPT: "Hello\n"})
    session.llamagate("catalog", "build", "packages")
    session.desired("extensions: {greeter: {source: {catalog: packages}}}\n")
    session.home.mkdir()
    [found] = session.llamagate("search", "GREET", "--json").json["items"]
    assert (found["latest"], found["installed"]) == ("1.0.0", None)
    shown = session.llamagate("show", "greeter", "--catalog", "packages", "--json").json
    assert [one["path"] for one in shown["contents"]["files"]] == ["manifest.yaml", PROMPT]
    assert session.llamagate("list", "--json").json["items"] == []


def test_a_version_comes_from_the_catalog(session: Session) -> None:
    for version, text in (("1.0.0", "one\n"), ("1.1.0", "two\n")):
        session.package("greeter", version=version, files={PROMPT: text})
        session.llamagate("catalog", "build", "packages")
    session.desired("extensions: {greeter: {source: {catalog: packages}, version: 1.0.0}}\n")
    session.llamagate("apply")
    found = session.llamagate("diff", "greeter@1.1.0", "--json").json
    assert changed(found["items"]) == [("changed", "greeter", BOTH)]
    session.llamagate("diff", "greeter@3.0.0", "--json", exits=1)


def test_the_columns_of_a_list_are_chosen_and_sorted(two: Session) -> None:
    assert two.llamagate("list", "-o", "name").out == "a\nb\n"
    rows = two.llamagate("list", "--columns", "id,version", "--sort", "version").out.splitlines()
    assert rows == ["ID  VERSION", "b   1.0.0", "a   2.0.0"]
    rows = two.llamagate("list", "--columns", "id", "--sort", "-id").out.splitlines()
    assert rows == ["ID", "b", "a"]
    assert two.llamagate("list", "--columns", "idd", "--json", exits=64).error["code"] == "usage"


@pytest.mark.parametrize("width", [80, 120])
def test_no_table_is_wider_than_the_terminal(two: Session, width: int) -> None:
    two.package("an-extension-with-a-long-name-that-takes-place", version="1.0.0-very.long.prerelease.0123456789")
    two.llamagate("import", "packages/an-extension-with-a-long-name-that-takes-place")
    two.variables["COLUMNS"] = str(width)
    said = two.llamagate("list", "--color", "always").out
    assert max(len(line) for line in re.sub(r"\x1b\[\d+m", "", said).splitlines()) <= width
    assert str(two.project) in two.llamagate("list").out


def test_a_graph_of_any_depth_is_shown() -> None:
    """Without recursion, and in time that grows with its length."""
    count = 5_000
    keys = [ItemKey(Kind.EXTENSION, f"x{number:04}") for number in range(count)]
    edges = tuple(Edge(item=after, needs=before, how="depends_on") for before, after in pairwise(keys))
    nodes = tuple(Node(key=key, version="1.0.0", state="installed") for key in keys)
    lines = graph_text(Graph(nodes=nodes, edges=edges), PLAIN).splitlines()
    assert len(lines) == count
    assert lines[-1].startswith(f"{'    ' * 20}[{count - 1}] x0000")


def test_a_chain_is_explained_for_100_items(session: Session) -> None:
    count = 110
    for number in range(count):
        session.package(f"x{number:03}")
    needs = (f"depends_on: [x{number - 1:03}]" if number else "" for number in range(count))
    rows = (f"  x{number:03}: {{source: ./packages/x{number:03}, {more}}}\n" for number, more in enumerate(needs))
    session.desired(f"extensions:\n{''.join(rows)}")
    found, depth = session.llamagate("why", "x000", "--json").json, 0
    while found["needed_by"]:
        found, depth = found["needed_by"][0], depth + 1
    assert (depth, found["cut"]) == (100, True)
    assert session.llamagate("why", "x000").out.count("needs it") == 100
