"""Laws of reading, writing and changing documents."""

from __future__ import annotations

import json
from collections.abc import Callable

import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents import json_text, schemas
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject
from tests.documents.strategies import objects, texts, values
from tests.support.laws import examples

many = examples(1)


def exact(value: object) -> str:
    """Tells ``1``, ``1.0`` and ``True`` apart and keeps the order of keys."""
    return repr(value)


@many
@given(objects)
def test_load_undoes_dump(value: JsonObject) -> None:
    assert exact(yaml_text.load(yaml_text.dump(value).encode(), name="x")) == exact(value)


@many
@given(objects)
def test_readers_of_yaml_1_1_agree_on_what_dump_writes(value: JsonObject) -> None:
    assert exact(yaml.safe_load(yaml_text.dump(value))) == exact(value)


@many
@given(values)
def test_json_load_undoes_dump(value: Json) -> None:
    text = json.dumps(value, sort_keys=True)
    assert json.dumps(json_text.load(text.encode(), name="x"), sort_keys=True) == text


def is_json_of_yaml(value: Json) -> bool:
    """Whether its JSON is YAML too: libyaml knows no pairs of surrogates, and keys of 1,024 characters at most."""
    return all(ord(character) < 0x10000 for character in json.dumps(value, ensure_ascii=False))


@many
@given(values.filter(is_json_of_yaml))
def test_yaml_reads_json_as_json(value: Json) -> None:
    data = json.dumps(value).encode()
    assert exact(yaml_text.load(data, name="x")) == exact(json_text.load(data, name="x")) == exact(value)


entries = st.sampled_from(
    [
        "{key}: 1\n",
        "{key}:\n",
        "{key}: # c\n  a: [x, {{y: z}}]\n  # inside\n  b: 'q'   # d\n",
        "{key}:\n- 1\n-\n- x: 1\n  y:\n",
        "{key}: |\n  text # no comment\n\n  config: 1\n",
        "{key}: >+\n  folded\n   more\n\n\n",
        "{key}: 'two\n  lines'\n",
        "{key}: plain\n  and more\n",
        '{key}: {{a: 1,\n  "b": [2,\n\n  3] }} # c\n',
        '"{key}": ""\n',
    ]
)
fillers = st.sampled_from(["", "# comment\n", "\n", "\n# config: 1\n\n", "   \n", " # indented\n"])
documents = st.lists(st.tuples(fillers, entries), max_size=4)


def written(parts: list[tuple[str, str]], prefix: str) -> str:
    return "".join(filler + entry.format(key=f"{prefix}{index}") for index, (filler, entry) in enumerate(parts))


@many
@given(
    before=documents,
    old=entries | st.none(),
    behind=fillers,
    after=documents,
    new=objects,
    newline=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_replace_block_changes_nothing_else(
    before: list[tuple[str, str]],
    old: str | None,
    behind: str,
    after: list[tuple[str, str]],
    new: JsonObject,
    newline: str,
    mark: str,
) -> None:
    kept = old.format(key="config") if old else ""
    blank_end = kept[len(kept.rstrip("\n")) + 1 :]
    head, tail = mark + written(before, "b"), blank_end + behind + written(after, "a")
    text = head + kept.removesuffix(blank_end) + tail
    data = text.replace("\n", newline).encode()
    result = yaml_text.replace_block(data, "config", new)
    block = yaml_text.dump({"config": new})
    expected = head + block + tail if old else head + tail + block
    if result != data:
        assert result.decode() == (expected.replace("\n", newline) if "\n" in text else expected)
    loaded = yaml_text.load(result, name="x")
    assert isinstance(loaded, dict)
    assert exact(loaded["config"]) == exact(new)


@many
@given(objects.filter(is_json_of_yaml), texts, objects)
def test_replace_block_of_any_key(document: JsonObject, key: str, new: JsonObject) -> None:
    expected = document | {key: new}
    for data in (yaml_text.dump(document), json.dumps(document)):
        result = yaml_text.load(yaml_text.replace_block(data.encode(), key, new), name="x") or {}
        assert json.dumps(result, sort_keys=True) == json.dumps(expected, sort_keys=True)


MANIFEST = b"""\
name: cost-analyst   # caf\xc3\xa9
version: 1.10.0
type: workflow
config: {a: [1, 2.5, 0x1F], 'b': ~, "c\\n": true}
steps:
  - uses: llm.chat
    with:
      prompt: |
        Text with *stars*, &names: and !marks

        end
  - uses: file.write
outputs: []
"""
scraps = st.sampled_from(
    [b"", b"\n", b"  ", b": ", b"- ", b"{", b"]", b"*a", b"&a ", b"!!x ", b"<<", b"'", b"|\n", b"---\n", b"\xff"]
)
edits = st.lists(
    st.tuples(st.integers(0, len(MANIFEST)), st.integers(0, 8), scraps | st.binary(max_size=4)), max_size=4
)


def mutated(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, scrap in changes:
        data = data[:at] + scrap + data[at + length :]
    return data


def is_accepted(call: Callable[[], object]) -> bool:
    """Whether ``call`` ends well; any exception but ``InputError`` passes through."""
    try:
        call()
    except InputError:
        return False
    return True


@many
@given(edits)
def test_whatever_the_text_only_input_errors_come_out(changes: list[tuple[int, int, bytes]]) -> None:
    data = mutated(MANIFEST, changes)
    readable = is_accepted(lambda: yaml_text.load(data, name="x"))
    is_accepted(lambda: yaml_text.replace_block(data, "config", {"a": "b"}))
    is_accepted(lambda: yaml_text.set_entry(data, ("steps", "uses"), "b", name="x"))
    is_accepted(lambda: yaml_text.set_entry(data, ("config", "a", "new"), {"a": "b"}, name="x"))
    is_accepted(lambda: yaml_text.remove_entry(data, ("config", "b"), name="x"))
    is_accepted(lambda: json_text.load(data, name="x"))
    if readable:
        value = yaml_text.load(data, name="x")
        for schema in ("extension-manifest", "extension-manifest#/$defs/task", "desired-state"):
            faults = schemas.faults_of(value, schema, data=data, file="x")
            assert [(fault.line, fault.column) for fault in faults] == sorted((f.line, f.column) for f in faults)


@many
@given(
    values, st.sampled_from([*schemas.SCHEMA_NAMES, "extension-manifest#/$defs/task", "module-manifest#/$defs/task"])
)
def test_whatever_the_value_faults_are_found(value: Json, schema: str) -> None:
    data = json.dumps(value).encode()
    faults = schemas.faults_of(value, schema, data=data, file="x")
    assert all(fault.message and fault.line for fault in faults)
    assert all(fault.message and fault.line for fault in schemas.schema_faults({(): value}, data=data, file="x"))
