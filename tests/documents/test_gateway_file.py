"""Edits of the gateway's configuration file: one entry changes, and every other byte stays."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.yaml.server_list import entries_in
from reconciler.documents.yaml.servers import with_edits
from reconciler.errors import InputError
from reconciler.model.servers import ServerEdit
from tests.support.laws import examples

FILE = b"""\
# the gateway's own settings
port: "11435"   # as ever

mcp:
  enabled: true
  deny_tools: ["*.delete"]
  servers:
    # reads the wiki
    - name: wiki
      enabled: true   # for all
      transport: http
      url: "https://wiki.example.org/mcp"
      headers:
        # the key of the team
        Authorization: secret
      timeout: 30s

    - enabled: false
      name: files
      transport: stdio
      command: npx
      args: [-y, "some-server@1.4.2"]
    # behind the last one
  max_tool_rounds: 10   # enough

debug: false
"""
NEW: dict[str, Any] = {"name": "new", "enabled": True, "transport": "stdio", "command": "run", "args": ["-y", "a b"]}


def lines_changed(before: bytes, after: bytes) -> list[str]:
    rows = difflib.ndiff(before.decode().splitlines(), after.decode().splitlines())
    return [row for row in rows if row[0] in "+-"]


def test_what_is_there_is_read() -> None:
    is_on, found = entries_in(FILE, name="f")
    assert is_on
    assert [entry["name"] for entry in found] == ["wiki", "files"]


def test_a_switch_changes_one_word() -> None:
    after = with_edits(FILE, {"files": ServerEdit(entry={"enabled": True}, is_whole=False)}, name="f")
    assert lines_changed(FILE, after) == ["-     - enabled: false", "+     - enabled: true"]


def test_comments_inside_an_entry_stay() -> None:
    entry = entries_in(FILE, name="f")[1][0] | {"headers": {"Authorization": "other"}, "timeout": "5s"}
    after = with_edits(FILE, {"wiki": ServerEdit(entry=entry)}, name="f")
    assert lines_changed(FILE, after) == [
        "-         Authorization: secret",
        "+         Authorization: other",
        "-       timeout: 30s",
        '+       timeout: "5s"',
    ]


def test_the_first_key_may_go() -> None:
    entry: dict[str, Any] = {"name": "files", "transport": "http", "url": "http://127.0.0.1/mcp"}
    after = with_edits(FILE, {"files": ServerEdit(entry=entry)}, name="f")
    assert entries_in(after, name="f")[1][1] == entry
    assert b"    # behind the last one\n  max_tool_rounds: 10   # enough\n" in after


def test_a_new_entry_follows_the_last_one() -> None:
    after = with_edits(FILE, {"new": ServerEdit(entry=NEW)}, name="f")
    assert all(row.startswith("+") for row in lines_changed(FILE, after))
    assert entries_in(after, name="f")[1][2] == NEW


@pytest.mark.parametrize("going", [("wiki",), ("files",), ("wiki", "files")], ids="+".join)
def test_an_entry_goes_with_its_own_lines(going: tuple[str, ...]) -> None:
    edits: dict[str, ServerEdit] = {name: ServerEdit(entry=None) for name in going}
    after = with_edits(FILE, edits, name="f")
    assert all(row.startswith("-") for row in lines_changed(FILE, after))
    assert [entry["name"] for entry in entries_in(after, name="f")[1]] == [
        one for one in ("wiki", "files") if one not in going
    ]
    assert b"# reads the wiki" in after
    assert b"# behind the last one" in after


MADE = """\
mcp:
  enabled: true
  servers:
  - name: new
    enabled: true
    transport: stdio
    command: run
    args:
    - -y
    - a b
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, MADE),
        (b"", MADE),
        (b"port: 1\n", "port: 1\n" + MADE),
        (b"port: 1", "port: 1\n" + MADE.rstrip("\n")),
        (b"mcp:\nport: 1\n", MADE + "port: 1\n"),
        (b"mcp: {}  # later\nport: 1\n", MADE.replace("mcp:", "mcp:  # later") + "port: 1\n"),
        (b"mcp:\n  enabled: true\n  servers: []  # none\n", MADE.replace("servers:", "servers:  # none")),
        (b"mcp:\n  enabled: true\n  servers:\n", MADE),
        (b"mcp:\n  enabled: true\n", MADE),
        (b"mcp:\n  enabled: false\n", MADE.replace("  enabled: true\n  servers", "  enabled: false\n  servers")),
    ],
    ids=["no file", "empty", "no mcp", "no line end", "null", "braces", "brackets", "no value", "no key", "off"],
)
def test_what_is_missing_is_made(before: bytes | None, after: str) -> None:
    assert with_edits(before, {"new": ServerEdit(entry=NEW)}, name="f").decode() == after


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + FILE,
        FILE.removesuffix(b"\n"),
        FILE.replace(b"    - ", b"    -   ").replace(b"\n      ", b"\n        "),
        b"mcp:\n  servers:\n  - name: wiki\n    url: http://x\n  - {name: files, command: npx, enabled: false}\n",
        b"mcp:\n  servers:\n  -\n    name: wiki\n    url: http://x\n  - name: files\n    command: |\n      npx\n",
        b"---\nmcp:\n  servers:\n  - name: wiki\n    url: http://x\n  - name: files\n    command: npx\n...\n",
        b"mcp:\n servers:\n  - name: wiki\n  - name: files\n",
    ],
    ids=["crlf", "mark", "no line end", "wide", "flow entry", "dash alone", "markers", "short"],
)
def test_forms(text: bytes) -> None:
    before = entries_in(text, name="f")[1]
    after = with_edits(text, {"files": ServerEdit(entry={"enabled": True}, is_whole=False)}, name="f")
    assert entries_in(after, name="f")[1] == [before[0], before[1] | {"enabled": True}]
    after = with_edits(after, {"wiki": ServerEdit(entry=None), "new": ServerEdit(entry=NEW)}, name="f")
    assert entries_in(after, name="f")[1] == [before[1] | {"enabled": True}, NEW]
    if b"\r\n" in text:
        assert b"\n" not in after.replace(b"\r\n", b"")
    assert after.startswith(b"\xef\xbb\xbf") is text.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"mcp: {enabled: true, servers: [{name: a}]}\n", "braces"),
        (b"mcp:\n  servers: [{name: a}]\n", "brackets"),
        (b"mcp: {enabled: true}\n", "braces"),
        (b"mcp:\n  servers: &all\n  - name: a\n", "anchors"),
        (b"mcp:\n\tservers: []\n", "tab"),
        (b"mcp:\n  servers:\n  - name: a\n  - name: a\n", "listed twice"),
        (b"mcp:\n  enabled: true\n  enabled: true\n", "duplicate key"),
        (b"mcp:\n  servers: {a: 1}\n", "expected a list"),
        (b"mcp:\n  servers:\n  - a\n", "expected a mapping"),
        (b"mcp: yes\n", "expected a mapping"),
        (b"MCP:\n  servers: []\n", "lower case"),
        (b"\xff\xfe", "UTF-8"),
        (b"- a\n", "expected a mapping at the top"),
        (b"mcp:\n  servers: !!seq []\n", "tags"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_edited_is_refused_with_the_reason(text: bytes, why: str) -> None:
    with pytest.raises(InputError) as refused:
        with_edits(text, {"new": ServerEdit(entry=NEW)}, name="f")
    assert why in str(refused.value) + str(refused.value.faults)


@pytest.mark.parametrize("edit", [ServerEdit(entry=None), ServerEdit(entry={"enabled": True}, is_whole=False)])
def test_of_what_is_not_there_nothing_is_made(edit: ServerEdit) -> None:
    assert with_edits(FILE, {"absent": edit}, name="f") == FILE


_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["-y", "yes", "1.10", "# no comment", "a: b", "{x}", "line\nline", "- a", "'", '"', "\\", " x ", "null", "0x1f", ""]
)
_entries = st.fixed_dictionaries(
    {"enabled": st.booleans(), "transport": st.just("stdio"), "command": _texts},
    optional={
        "args": st.lists(_texts, max_size=3),
        "env": st.dictionaries(_texts, _texts, max_size=3),
        "headers": st.dictionaries(st.sampled_from(["A", "B"]), _texts, min_size=1),
        "timeout": st.just("30s"),
    },
)
_edits = st.dictionaries(
    st.sampled_from(["wiki", "files", "new", "other"]),
    st.none() | _entries,
    max_size=4,
)


@examples(2)
@given(st.lists(_edits, min_size=1, max_size=3))
def test_law_each_edit_does_what_it_says_and_nothing_else(changes: list[dict[str, Any]]) -> None:
    text = FILE
    expected: dict[str, Any] = {str(entry["name"]): entry for entry in entries_in(FILE, name="f")[1]}
    for change in changes:
        edits = {name: ServerEdit(entry=entry and {"name": name, **entry}) for name, entry in change.items()}
        text = with_edits(text, edits, name="f")
        expected |= {name: {"name": name, **entry} for name, entry in change.items() if entry}
        expected = {name: entry for name, entry in expected.items() if change.get(name, entry) is not None}
    assert {entry["name"]: entry for entry in entries_in(text, name="f")[1]} == expected
    for line in (b"# the gateway's own settings\n", b"    # reads the wiki\n", b"    # behind the last one\n"):
        assert line in text
    assert text.startswith(FILE[: FILE.index(b"    # reads")])
    assert text.endswith(FILE[FILE.index(b"  max_tool") :])


@pytest.mark.parametrize("mark", ["|+", ">+", "|2+", "|", "|-"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("behind", ["", "  # behind\n", "  max_tool_rounds: 10\n", "# far behind\nport: 1\n"])
@pytest.mark.parametrize(
    ("server", "edit"),
    [
        ("new", ServerEdit(entry=NEW)),
        ("first", ServerEdit(entry=None)),
        ("last", ServerEdit(entry=None)),
        ("first", ServerEdit(entry={"enabled": False}, is_whole=False)),
        ("last", ServerEdit(entry={"enabled": False}, is_whole=False)),
        ("last", ServerEdit(entry={"name": "last", "enabled": True, "command": "other", "timeout": "5s"})),
        ("first", ServerEdit(entry={"name": "first", "enabled": True, "command": "other", "note": "  a\n"})),
    ],
    ids=["add", "remove first", "remove last", "switch first", "switch last", "change last", "change first"],
)
def test_blank_lines_of_a_text_at_the_end_of_an_entry_are_its_own(
    mark: str, newline: str, behind: str, server: str, edit: ServerEdit
) -> None:
    entry = f"  - name: %s\n    enabled: true\n    command: c\n    note: {mark}\n      a\n\n\n"
    text = ("mcp:\n  enabled: true\n  servers:\n" + entry % "first" + entry % "last" + behind).replace("\n", newline)
    before = {one["name"]: one for one in entries_in(text.encode(), name="f")[1]}
    after = {one["name"]: one for one in entries_in(with_edits(text.encode(), {server: edit}, name="f"), name="f")[1]}
    wanted = edit.entry if edit.is_whole or edit.entry is None else {**before[server], **edit.entry}
    assert after == {name: one for name, one in {**before, server: wanted}.items() if one is not None}


def test_a_switch_keeps_the_spelling_of_its_key() -> None:
    """The gateway takes ``Enabled`` for ``enabled``: a second one would leave it to chance which counts."""
    text = b"mcp:\n  servers:\n  - Name: a\n    Enabled: true\n"
    after = with_edits(text, {"a": ServerEdit(entry={"enabled": False}, is_whole=False)}, name="f")
    assert after == text.replace(b"true", b"false")


def test_a_key_in_two_spellings_is_refused() -> None:
    with pytest.raises(InputError, match=r"f:4:5: .*'enabled' is there twice"):
        entries_in(b"mcp:\n  servers:\n  - enabled: true\n    Enabled: false\n    name: a\n", name="f")


@pytest.mark.parametrize("text", [b"{port: 1}\n", b"{}\n", b"port: 1\rdebug: true\r"], ids=["braces", "empty", "cr"])
def test_nothing_is_written_that_could_not_be_taken_out_again(text: bytes) -> None:
    with pytest.raises(InputError):
        with_edits(text, {"new": ServerEdit(entry=NEW)}, name="f")
