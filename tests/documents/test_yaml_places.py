"""Positions: of a mapping's entry its key, of anything else where it starts."""

from __future__ import annotations

import time

import pytest

from reconciler.documents.yaml import text as yaml_text
from reconciler.documents.yaml.places import Position

TEXT = b"""\
# a comment
name: x

steps:
  - uses: a
    with: {b: 1,
           "c d": [2, [3, {e: 4}]]}
  -
  - uses: f
on: |
  text
"""

PLACES = {
    "top": ((), (2, 1)),
    "entry": (("name",), (2, 1)),
    "list": (("steps",), (4, 1)),
    "item": (("steps", 0), (5, 5)),
    "in-item": (("steps", 0, "with"), (6, 5)),
    "in-flow": (("steps", 0, "with", "c d"), (7, 12)),
    "in-flow-list": (("steps", 0, "with", "c d", 1, 0), (7, 24)),
    "deepest": (("steps", 0, "with", "c d", 1, 1, "e"), (7, 28)),
    "empty-item": (("steps", 1), (8, 4)),
    "after-it": (("steps", 2, "uses"), (9, 5)),
    "last": (("on",), (10, 1)),
    "missing-key": (("steps", 2, "wiht"), (9, 5)),
    "missing-index": (("steps", 7, "uses"), (4, 1)),
    "missing-top": (("nothing", "at", 0), (2, 1)),
    "index-in-mapping": ((0,), (2, 1)),
    "key-in-list": (("steps", "0"), (4, 1)),
}


@pytest.mark.parametrize(("path", "position"), PLACES.values(), ids=PLACES.keys())
def test_locate(path: yaml_text.Path, position: Position) -> None:
    assert yaml_text.locate(TEXT, path) == position


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_marks_and_line_ends_move_nothing(newline: bytes, mark: bytes) -> None:
    data = mark + TEXT.replace(b"\n", newline)
    assert yaml_text.locate_all(data, [path for path, _ in PLACES.values()]) == dict(PLACES.values())


def test_the_first_of_two_equal_keys_counts() -> None:
    assert yaml_text.locate(b"a: 1\nb: 2\na: 3\n", ("a",)) == (1, 1)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a: [b\n", b"a: \0", b"[" * 50_000])
def test_malformed_data_gives_the_nearest_place_before_the_flaw(data: bytes) -> None:
    start = time.process_time()
    assert yaml_text.locate(data, ("a", 0, "b"))[0] == 1
    assert time.process_time() - start < 2


def test_json_has_places_too() -> None:
    assert yaml_text.locate(b'{\n\t"a": [\n\t\t{"b": 1}\n]}', ("a", 0, "b")) == (3, 4)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("extensions", "foo", "version"), "extensions.foo.version"),
        (("steps", 0, "uses"), "steps[0].uses"),
        ((0, 1), "[0][1]"),
        (("a b", "c.d", ""), "['a b']['c.d']['']"),
        (("$ref", "cost-analyst"), "$ref.cost-analyst"),
        (("\x1b[0m",), "['\\x1b[0m']"),
    ],
)
def test_dotted(path: yaml_text.Path, text: str) -> None:
    assert yaml_text.dotted(path) == text
