"""The dialect: what each way of writing a scalar means, and how the parser is driven."""

from __future__ import annotations

import pytest
import yaml

from reconciler.documents.yaml import places as yaml_places
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import Json

SCALARS: list[tuple[str, Json]] = [
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nULL", "nULL"),
    ("~", None),
    ("", None),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("false", False),
    ("False", False),
    ("FALSE", False),
    ("0", 0),
    ("-0", 0),
    ("+12", 12),
    ("0123", 123),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("0o17", 15),
    ("0x1F", 31),
    ("-0x1F", "-0x1F"),
    ("0b1", "0b1"),
    ("0o8", "0o8"),
    ("1_000", "1_000"),
    ("12:30:45", "12:30:45"),
    ("1.5", 1.5),
    ("-.5", -0.5),
    ("1.", 1.0),
    ("1e3", 1000.0),
    ("1.5E-3", 0.0015),
    ("1e", "1e"),
    (".", "."),
    ("-", [None]),
    ("+", "+"),
    ("1.2.3", "1.2.3"),
    (".info", ".info"),
    ("2024-01-01", "2024-01-01"),
    ("none", "none"),
    ("=", "="),
    ("'1'", "1"),
    ('"true"', "true"),
    ("|\n  1", "1"),
    (">-\n  null", "null"),
    ("a\n  b", "a b"),
]


@pytest.mark.parametrize(("written", "value"), SCALARS)
def test_scalar(written: str, value: Json) -> None:
    assert repr(yaml_text.load(f"- {written}".encode(), name="x.yaml")) == repr([value])


TEXT_KEYS: dict[str, tuple[bytes, Json]] = {
    "number": (b"x: {a: {version: 1.10}}", {"x": {"a": {"version": "1.10"}}}),
    "boolean": (b"x: {a: {version: true}}", {"x": {"a": {"version": "true"}}}),
    "nothing-is-nothing": (b"x: {a: {version: }}", {"x": {"a": {"version": None}}}),
    "other-key": (b"x: {a: {versions: 1.10}}", {"x": {"a": {"versions": 1.1}}}),
    "too-shallow": (b"x: {version: 1.10}", {"x": {"version": 1.1}}),
    "too-deep": (b"x: {a: {b: {version: 1.10}}}", {"x": {"a": {"b": {"version": 1.1}}}}),
    "lists-do-not-count": (b"x: [[{a: [{version: 1.10}]}]]", {"x": [[{"a": [{"version": "1.10"}]}]]}),
    "in-a-list": (b"x: {a: {version: [1.10]}}", {"x": {"a": {"version": ["1.10"]}}}),
    "after-a-deeper-mapping": (b"x: {a: {b: {}, version: 1.10}}", {"x": {"a": {"b": {}, "version": "1.10"}}}),
    "long-number": (b"x: {a: {version: " + b"1" * 200 + b"}}", {"x": {"a": {"version": "1" * 200}}}),
}


@pytest.mark.parametrize(("data", "value"), TEXT_KEYS.values(), ids=TEXT_KEYS.keys())
def test_text_keys_stay_text_at_their_depth(data: bytes, value: Json) -> None:
    loaded = yaml_text.load(data, name="x.yaml", text_keys=frozenset([(3, "version")]))
    assert repr(loaded) == repr(value)


def test_a_fault_says_everything() -> None:
    with pytest.raises(InputError) as caught:
        yaml_text.load("é: [1, 2]\nb:\n  - {c d: [x, *y]}\n".encode(), name="/etc/x.yaml")
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.column) == ("/etc/x.yaml", 3, 15)
    assert fault.path == "b[0]['c d'][1]"


def test_a_long_foreign_key_is_cut_and_escaped_in_the_message() -> None:
    key = b'"\\e' + b"k" * 100 + b'"'
    with pytest.raises(InputError) as caught:
        yaml_text.load(b"{%s: 1, %s: 2}" % (key, key), name="x.yaml")
    assert caught.value.message == f"x.yaml:1:111: duplicate key '\\x1b{'k' * 58}…'; the first is in line 1"


PURE = {
    "value": b"a: {b: [1, 'x', null]}\nc: |\n  d\n",
    "duplicate": b"a: 1\na: 2\n",
    "anchor": b"a: &x 1",
    "alias": b"a: *x",
    "tag": b"a: !!str 1",
    "depth": b"[" * 900,
    "control": b"a: \x07",
    "documents": b"a: 1\n---\nb: 1",
}


@pytest.mark.parametrize("data", PURE.values(), ids=PURE.keys())
def test_the_parser_in_python_agrees_with_libyaml(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = outcome(data)
    monkeypatch.setattr(yaml_places, "_Parser", yaml.SafeLoader)
    assert outcome(data) == fast


def outcome(data: bytes) -> str:
    try:
        return repr(yaml_text.load(data, name="x.yaml"))
    except InputError as error:
        return error.message
