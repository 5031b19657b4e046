"""The files of a package as they are installed: configured, and nothing else touched."""

from __future__ import annotations

import hashlib
import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject, Reference, reference_of, references, same, with_references
from reconciler.packages.manifest import read_package
from reconciler.packages.realise import Realised, configured, realise
from tests.support.laws import examples
from tests.support.packages import MemoryContent

HEAD = """\
# A comment that stays.
name: a   # and this
version: 1.0.0
description: "d"
"""
CONFIG = """\
config:   # goes
  level: 1
  flags: {a: true, b: false}   # goes too
  list: [1, 2]
  url: "http://x"
"""
TAIL = """\
# Another comment.

type: workflow
steps:
    -   uses: x   # odd indentation
"""
MANIFEST = HEAD + CONFIG + TAIL
TASK = "name: a\nversion: 1.0.0\ntask: {type: rules}\n"


def realised(files: dict[str, str], config: JsonObject) -> tuple[Realised, dict[str, bytes]]:
    """What stands on disk, as the value and as bytes."""
    content = MemoryContent(files)
    found = realise(read_package(content, name="p"), content, config)
    return found, {path: b"".join(found.chunks(path, content)) for path in found.hashes}


def configured_text(config: JsonObject, manifest: str = MANIFEST) -> str:
    return realised({"manifest.yaml": manifest}, config)[1]["manifest.yaml"].decode()


def config_of(text: str) -> Json:
    document = yaml_text.load(text.encode(), name="x")
    assert isinstance(document, dict)
    return document["config"]


PACKAGE: JsonObject = {"level": 1, "flags": {"a": True, "b": False}, "list": [1, 2], "url": "http://x"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"level": 2}, PACKAGE | {"level": 2}),
        ({"new": {"deep": [None]}}, PACKAGE | {"new": {"deep": [None]}}),
        ({"flags": {"b": True, "c": 1}}, PACKAGE | {"flags": {"a": True, "b": True, "c": 1}}),
        ({"list": [3]}, PACKAGE | {"list": [3]}),
        ({"list": []}, PACKAGE | {"list": []}),
        ({"flags": "none"}, PACKAGE | {"flags": "none"}),
        ({"level": {"now": "a mapping"}}, PACKAGE | {"level": {"now": "a mapping"}}),
        ({"level": None}, PACKAGE | {"level": None}),
        ({"flags": {}, "level": 3}, PACKAGE | {"level": 3}),
    ],
    ids=[
        *("replace", "add", "merge deep", "lists replace", "an empty list too", "text for a mapping"),
        *("a mapping for a number", "nothing is a value", "an empty mapping adds nothing"),
    ],
)
def test_merging(config: JsonObject, expected: JsonObject) -> None:
    assert config_of(configured_text(config)) == expected


@pytest.mark.parametrize(("one", "other"), [(0, False), (0, 0.0), (0.0, False), (1, True)], ids=repr)
def test_same_tells_kinds_of_numbers_apart(one: Json, other: Json) -> None:
    assert not same(one, other)
    assert not same([one], [other])
    found = config_of(configured_text({"level": other}, MANIFEST.replace("level: 1", f"level: {json.dumps(one)}")))
    assert isinstance(found, dict)
    assert repr(found["level"]) == repr(other)


@pytest.mark.parametrize("value", [True, 1.0, "1"], ids=repr)
def test_values_that_python_takes_for_equal_are_not(value: bool | float | str) -> None:
    found = config_of(configured_text({"level": value}))
    assert repr(found) == repr({**PACKAGE, "level": value})


def test_only_the_bytes_of_the_block_change() -> None:
    text = configured_text({"level": 2})
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    block = text.removeprefix(HEAD).removesuffix(TAIL)
    assert block == CONFIG.replace("level: 1", "level: 2")


def test_comments_and_spelling_of_other_keys_stay() -> None:
    text = configured_text({"flags": {"b": True, "c": 3}, "new": "x"})
    block = text.removeprefix(HEAD).removesuffix(TAIL)
    assert block == CONFIG.replace("b: false}", "b: true, c: 3}") + "  new: x\n"


def test_many_values_are_written_at_once() -> None:
    many: JsonObject = {f"k{number}": number for number in range(1000)}
    assert config_of(configured_text(many)) == PACKAGE | many


def test_a_block_is_added_where_the_package_has_none() -> None:
    assert configured_text({"level": 2}, HEAD + TAIL) == f"{HEAD}{TAIL}config:\n  level: 2\n"


def test_an_empty_block_is_filled() -> None:
    assert configured_text({"level": 2}, f"{HEAD}config:\n{TAIL}") == f"{HEAD}config:\n  level: 2\n{TAIL}"


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "with a byte order mark"])
def test_the_form_of_the_file_stays(newline: str, mark: str) -> None:
    text = configured_text({"level": 2}, mark + MANIFEST.replace("\n", newline))
    assert text.startswith(mark + HEAD.replace("\n", newline))
    assert text.endswith(TAIL.replace("\n", newline))


@pytest.mark.parametrize(
    "config",
    [{}, {"level": 1}, {"flags": {"a": True}}, {"flags": {"b": False, "a": True}}, {"flags": {}}],
    ids=["none", "the same", "the same, deep", "in another order", "an empty mapping"],
)
def test_what_changes_nothing_writes_nothing(config: JsonObject) -> None:
    found, files = realised({"manifest.yaml": MANIFEST}, config)
    assert found.written == {}
    assert files["manifest.yaml"].decode() == MANIFEST


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab#:'\n", max_size=4)
wishes = st.dictionaries(
    st.sampled_from(["level", "flags", "list", "new", "a"]),
    st.recursive(
        leaves,
        lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from("abc"), below, max_size=2),
        max_leaves=5,
    ),
    max_size=3,
)


@examples(0.6)
@given(wishes)
def test_law_the_file_says_what_was_asked_for_and_keeps_the_rest(config: JsonObject) -> None:
    text = configured_text(config)
    assert text.startswith(HEAD)
    assert text.endswith(TAIL)
    wanted = configured({"config": PACKAGE}, config)["config"]
    assert yaml_text.dump({"x": config_of(text)}) == yaml_text.dump({"x": wanted})


@examples(0.5)
@given(wishes)
def test_law_without_configuration_the_bytes_are_the_packages(config: JsonObject) -> None:
    files = {"manifest.yaml": MANIFEST, "x": "y"}
    realised(files, config)
    assert realised(files, {})[1] == {path: text.encode() for path, text in files.items()}


@pytest.mark.parametrize(
    ("files", "definition"),
    [
        ({"manifest.yaml": MANIFEST, "extension.yaml": "id: a\n", "x": "y"}, "manifest.yaml"),
        ({"extension.yaml": TASK, "x": "y"}, "extension.yaml"),
        (
            {"agenticmodule.yaml": "name: m\nversion: 1.0.0\ndescription: d\nsteps: [{extension: x}]\n", "x": "y"},
            "agenticmodule.yaml",
        ),
    ],
    ids=["gateway", "task", "module"],
)
def test_only_the_definition_is_written(files: dict[str, str], definition: str) -> None:
    found, written = realised(files, {"k": 1})
    assert set(found.written) == {definition}
    assert config_of(written[definition].decode()) == (
        {**PACKAGE, "k": 1} if definition == "manifest.yaml" else {"k": 1}
    )
    assert {path: data for path, data in written.items() if path != definition} == {
        path: text.encode() for path, text in files.items() if path != definition
    }


def test_a_definition_gets_the_manifest_that_the_gateway_reads() -> None:
    found, files = realised({"extension.yaml": MANIFEST}, {})
    assert found.written == {"manifest.yaml": MANIFEST.encode()}
    assert files == {"extension.yaml": MANIFEST.encode(), "manifest.yaml": MANIFEST.encode()}


def test_a_configured_definition() -> None:
    files = realised({"extension.yaml": MANIFEST}, {"level": 2})[1]
    assert files == {"extension.yaml": MANIFEST.encode(), "manifest.yaml": configured_text({"level": 2}).encode()}


@pytest.mark.parametrize("config", [{}, {"level": 2}], ids=["as packed", "configured"])
@pytest.mark.parametrize("name", ["manifest.yaml", "extension.yaml"])
def test_hashes_are_those_of_the_bytes(name: str, config: JsonObject) -> None:
    found, files = realised({name: MANIFEST, "lib/x": "y"}, config)
    assert found.hashes == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


def test_checksums_are_not_installed() -> None:
    line = f"{hashlib.sha256(MANIFEST.encode()).hexdigest()}  manifest.yaml\n"
    assert set(realised({"manifest.yaml": MANIFEST, "checksums.txt": line}, {"level": 2})[1]) == {"manifest.yaml"}


# --- values from the environment -------------------------------------------------------------------------------------

WISH: JsonObject = {"url": {"env": "URL"}, "flags": {"token": {"env": "TOKEN"}, "list": [{"env": "URL"}, {"env": 1}]}}
VARIABLES = {"URL": "http://y: #z", "TOKEN": "s3cret\n"}


def test_values_of_the_environment_are_resolved() -> None:
    config = cast(JsonObject, with_references(WISH, lambda one: VARIABLES[one.name]))
    expected = PACKAGE | {
        "url": "http://y: #z",
        "flags": {"a": True, "b": False, "token": "s3cret\n", "list": ["http://y: #z", {"env": 1}]},
    }
    assert config_of(configured_text(config)) == expected


def test_a_value_of_the_environment_replaces_a_mapping() -> None:
    assert config_of(configured_text({"flags": "from the environment"})) == PACKAGE | {"flags": "from the environment"}
    assert configured({"config": PACKAGE}, {"flags": {"env": "X"}})["config"] == PACKAGE | {"flags": {"env": "X"}}


def test_references_are_found_where_they_stand() -> None:
    assert list(references(WISH)) == [
        (("url",), Reference("env", "URL")),
        (("flags", "token"), Reference("env", "TOKEN")),
        (("flags", "list", 0), Reference("env", "URL")),
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"env": 1},
        {"env": "X", "more": 1},
        {"environment": "X"},
        {"env": "X", "file": "Y"},
        {"file": "X", "empty": "yes"},
        {"": "text"},
        "env",
        ["env"],
        {},
    ],
    ids=repr,
)
def test_what_is_no_reference(value: JsonObject) -> None:
    assert reference_of(value) is None
    assert list(references({"k": value})) == []
