"""Only the bytes of one top-level entry change."""

from __future__ import annotations

import pytest

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import JsonObject

NEW: JsonObject = {"k": [1, "no"]}

BLOCK: dict[str, tuple[str, str]] = {
    "in-the-middle": (
        "a: 1 # one\n\nconfig: # old\n  x: 1\n  # inside\n  y: 2 # last\n\n# about b\nb: 2\n",
        'a: 1 # one\n\nconfig:\n  k:\n  - 1\n  - "no"\n\n# about b\nb: 2\n',
    ),
    "first-without-line-break-at-the-end": (
        "config: 1\na: 2",
        'config:\n  k:\n  - 1\n  - "no"\na: 2',
    ),
    "last-without-line-break-at-the-end": (
        "a: 1\nconfig: {x: [1,\n  2]} # c",
        'a: 1\nconfig:\n  k:\n  - 1\n  - "no"\n',
    ),
    "absent": ("a: 1\n# end\n", 'a: 1\n# end\nconfig:\n  k:\n  - 1\n  - "no"\n'),
    "absent-and-no-line-break": ("a: 1", 'a: 1\nconfig:\n  k:\n  - 1\n  - "no"\n'),
    "absent-behind-an-open-literal": (
        "a: 1\n# about b\nb: |\n  text",
        'a: 1\n# about b\nconfig:\n  k:\n  - 1\n  - "no"\nb: |\n  text',
    ),
    "absent-behind-a-kept-literal": (
        "b: |+\n  text\n\n",
        'b: |+\n  text\n\nconfig:\n  k:\n  - 1\n  - "no"\n',
    ),
    "empty": ("", 'config:\n  k:\n  - 1\n  - "no"\n'),
    "comments-only": ("# a", '# a\nconfig:\n  k:\n  - 1\n  - "no"\n'),
    "explicit-document": (
        "%YAML 1.2\n---\na: 1\n...\n# behind\n",
        '%YAML 1.2\n---\na: 1\nconfig:\n  k:\n  - 1\n  - "no"\n...\n# behind\n',
    ),
    "indented": ("  a: 1\n  config:\n  b: 2\n", '  a: 1\n  config:\n    k:\n    - 1\n    - "no"\n  b: 2\n'),
    "indented-and-absent": ("  a: 1\n", '  a: 1\n  config:\n    k:\n    - 1\n    - "no"\n'),
    "literal-and-blank-lines": (
        "config:\n  x: |+\n    # no comment\n\n\n# c\nb: 2\n",
        'config:\n  k:\n  - 1\n  - "no"\n\n\n# c\nb: 2\n',
    ),
    "empty-value": ("config:\n\n# c\nb: 2\n", 'config:\n  k:\n  - 1\n  - "no"\n\n# c\nb: 2\n'),
    "empty-item": ("config:\n  -\n\n# c\nb: 2\n", 'config:\n  k:\n  - 1\n  - "no"\n\n# c\nb: 2\n'),
    "list-without-indentation": ("config:\n- 1\n# c\nb: 2\n", 'config:\n  k:\n  - 1\n  - "no"\n# c\nb: 2\n'),
    "same-key-deeper": (
        "a: {config: 1}\nb:\n  config: 2\nconfig: 3\n",
        'a: {config: 1}\nb:\n  config: 2\nconfig:\n  k:\n  - 1\n  - "no"\n',
    ),
    "key-without-value": ("config:\n  ? a\n\n# c\nb: 2\n", 'config:\n  k:\n  - 1\n  - "no"\n\n# c\nb: 2\n'),
    "question-mark": ("? config\n: x\nb: 2\n", 'config:\n  k:\n  - 1\n  - "no"\nb: 2\n'),
    "question-mark-elsewhere": ("? a\n: x\n", '? a\n: x\nconfig:\n  k:\n  - 1\n  - "no"\n'),
    "quoted-key": ('"config": 1\nb: 2\n', 'config:\n  k:\n  - 1\n  - "no"\nb: 2\n'),
    "windows-lines": (
        "a: 1\r\nconfig: 2\r\nb: 3\r\n",
        'a: 1\r\nconfig:\r\n  k:\r\n  - 1\r\n  - "no"\r\nb: 3\r\n',
    ),
    "byte-order-mark": ("\ufeffa: 1\n", '\ufeffa: 1\nconfig:\n  k:\n  - 1\n  - "no"\n'),
    "wide-characters": ("# 😀 é\nconfig: é # 😀\nb: 😀\n", '# 😀 é\nconfig:\n  k:\n  - 1\n  - "no"\nb: 😀\n'),
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("before", "after"), BLOCK.values(), ids=BLOCK.keys())
def test_block(before: str, after: str) -> None:
    assert yaml_text.replace_block(before.encode(), "config", NEW).decode() == after


FLOW = {
    "present": ("{a: 1, config: {x: 1}, b}", '{a: 1, "config": {"k": [1, "no"]}, b}'),
    "absent": ("{a: 1 # c,\n}", '{a: 1, "config": {"k": [1, "no"]} # c,\n}'),
    "comma-at-the-end": ("{a: 1,}", '{a: 1, "config": {"k": [1, "no"]},}'),
    "empty": ("{}", '{"config": {"k": [1, "no"]}}'),
    "empty-value": ("{config: , a: 1}", '{"config": {"k": [1, "no"]} , a: 1}'),
    "no-value": ("{config, a: 1}", '{"config": {"k": [1, "no"]}, a: 1}'),
    "json": ('{"a": "b",\n "config": null\n}\n', '{"a": "b",\n "config": {"k": [1, "no"]}\n}\n'),
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("before", "after"), FLOW.values(), ids=FLOW.keys())
def test_flow(before: str, after: str) -> None:
    assert yaml_text.replace_block(before.encode(), "config", NEW).decode() == after


def test_an_equal_value_changes_nothing() -> None:
    data = b"config: {k: [1, 'no']} # as written\n"
    assert yaml_text.replace_block(data, "config", NEW) == data


@pytest.mark.parametrize(("old", "new"), [(b"1", True), (b"1", 1.0), (b"0", False), (b"'1'", 1)])
def test_equal_in_python_is_not_equal_in_yaml(old: bytes, new: bool | float) -> None:
    result = yaml_text.replace_block(b"config: {k: " + old + b"}\n", "config", {"k": new})
    assert repr(yaml_text.load(result, name="x.yaml")) == repr({"config": {"k": new}})


UNUSUAL = "manifest: cannot change 'config' in place; write it as a plain block mapping"
REFUSED = {
    "written-null": (b"null\n", UNUSUAL),
    "list": (b"- a\n", "manifest:1:1: expected a mapping at the top"),
    "malformed": (b"a: &x 1\n", "manifest:1:4: a: anchors are not allowed: &x"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_too_unusual_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        yaml_text.replace_block(data, "config", NEW)
    assert caught.value.message == message


def test_dump_writes_what_every_reader_takes_for_text_in_quotes() -> None:
    words = [
        "plain text",
        "yes",
        "Off",
        "1.10",
        "2024-01-01",
        "0123",
        "1_000",
        "12:30:45",
        "~",
        "",
        "0o7",
        "1e3",
        "a: b",
    ]
    expected = (
        'v:\n- plain text\n- "yes"\n- "Off"\n- "1.10"\n- "2024-01-01"\n- "0123"\n- "1_000"\n- "12:30:45"\n- "~"\n- ""\n'
        '- "0o7"\n- "1e3"\n- \'a: b\'\n'
    )
    assert yaml_text.dump({"v": [*words]}) == expected


def test_dump_keeps_order_and_writes_equal_lists_twice() -> None:
    again: JsonObject = {"x": "two\nlines"}
    assert (
        yaml_text.dump({"on": again, "a": again, "e": {}})
        == '"on":\n  x: "two\\nlines"\na:\n  x: "two\\nlines"\ne: {}\n'
    )
