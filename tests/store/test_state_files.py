"""The record, the generations and the gateway's registry, as they are found on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.documents.record import record_files
from reconciler.documents.sealed import seal
from reconciler.errors import InputError, StorageError
from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.record import Hold, Record
from reconciler.model.registry import Registry, RegistryEntry, decode_registry, encode_registry
from reconciler.store.state_files import read_record, read_registry

pytestmark = pytest.mark.usefixtures("nobody_is_writing")

ENTRY: JsonObject = {
    "id": "foo",
    "type": "extension",
    "name": "foo",
    "version": "1.0.0",
    "enabled": True,
    "installed_at": "2026-11-23T15:15:39.773193843Z",
    "last_updated_at": "2026-11-23T15:15:39.773193843Z",
    "source_path": "/home/u/.llamagate/extensions/installed/foo",
}
TEXT = """\
[
  {
    "id": "bar",
    "type": "agentic-module",
    "name": "bar",
    "version": "1.0.0",
    "enabled": false,
    "installed_at": "2026-11-23T15:15:39.773193843Z",
    "last_updated_at": "2026-11-23T15:15:39.773193843Z",
    "source_path": "/home/u/.llamagate/extensions/installed/foo",
    "note": {
      "by": "é"
    }
  },
  {
    "id": "foo",
    "type": "extension",
    "name": "foo",
    "version": "1.0.0",
    "enabled": true,
    "installed_at": "2026-11-23T15:15:39.773193843Z",
    "last_updated_at": "2026-11-23T15:15:39.773193843Z",
    "source_path": "/home/u/.llamagate/extensions/installed/foo"
  },
  {
    "more": 1,
    "type": "skill",
    "id": "a"
  }
]"""


HEAD: Final[JsonObject] = json.loads(record_files(Record()).head)["body"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.ours.mkdir()
    found.registry.parent.mkdir()
    return found


def record_error(home: Home) -> InputError:
    with pytest.raises(InputError) as caught:
        read_record(home)
    return caught.value


def test_no_record_yet(home: Home) -> None:
    assert read_record(home) == (Record(), None)


def test_generations_go_on_when_the_record_is_lost(home: Home) -> None:
    home.generations.mkdir()
    for name in ("9.json", "10.json", "notes.json", "².json"):
        (home.generations / name).touch()
    assert read_record(home) == (Record(generation=10), None)


@pytest.mark.parametrize("at", [0, 15, 120, -2], ids=["brace", "digest", "body", "end"])
def test_a_record_with_one_flipped_bit(home: Home, at: int) -> None:
    data = bytearray(record_files(Record(generation=3, hold=Hold(reason="a", generation=3))).head)
    data[at] ^= 1
    home.record.write_bytes(data)
    error = record_error(home)
    message = "it is damaged: its content does not have the digest that it was written with"
    assert str(error) == f"{home.record}: {message}"
    assert error.advice == "move it aside and run 'llamagate apply', which adopts what is installed as the file says"
    assert home.record.read_bytes() == data


def test_a_record_of_a_newer_version(home: Home) -> None:
    home.record.write_bytes(seal({**HEAD, "schema": 4}))
    error = record_error(home)
    assert str(error) == f"{home.record}: a newer llamagate wrote it (schema 4, this version knows 3)"
    assert error.advice == "use that version"


@pytest.mark.parametrize(
    "document",
    [{"schema": 1}, {"schema": 2}, {**HEAD, "items": [1]}, {**HEAD, "hold": "x"}],
    ids=["empty", "empty 2", "items", "hold"],
)
def test_a_record_that_is_sealed_but_of_another_form(home: Home, document: JsonObject) -> None:
    home.record.write_bytes(seal(document))
    error = record_error(home)
    assert str(error) == f"{home.record}: it is not as llamagate writes it"
    assert error.advice.startswith("move it aside")


def test_a_record_that_cannot_be_read(home: Home) -> None:
    home.record.mkdir()
    with pytest.raises(StorageError) as caught:
        read_record(home)
    assert str(caught.value) == f"{home.record} cannot be read: Is a directory"


def test_no_registry_yet(home: Home) -> None:
    found = read_registry(home)
    assert (found.registry, found.corrupt) == (Registry(), None)


def test_the_bytes_of_a_registry() -> None:
    foo = RegistryEntry.from_document(ENTRY)
    bar = RegistryEntry.from_document(
        {**ENTRY, "id": "bar", "name": "bar", "type": "agentic-module", "enabled": False, "note": {"by": "é"}}
    )
    registry = Registry(entries={"foo": foo, "bar": bar}, foreign=({"more": 1, "type": "skill", "id": "a"},))
    assert encode_registry(registry).decode() == TEXT


def test_an_empty_registry() -> None:
    assert encode_registry(Registry()) == b"[]"
    assert decode_registry(b"[]\n") == Registry()


def test_what_others_wrote_is_read_as_the_gateway_reads_it() -> None:
    text = json.dumps([{"type": "extension", "id": "a<b", "new": [1]}, {"id": "s", "type": "skill"}]).replace(
        "<", "\\u003c"
    )
    registry = decode_registry(text.encode())
    entry = registry.entries["a<b"]
    assert (entry.key, entry.name, entry.version, entry.enabled) == (
        ItemKey(Kind.EXTENSION, "a<b"),
        "a<b",
        "",
        False,
    )
    assert entry.extra == {"new": [1]}
    assert registry.foreign == ({"id": "s", "type": "skill"},)


def test_an_entry_is_found_by_its_kind_too() -> None:
    registry = Registry(entries={"foo": RegistryEntry.from_document(ENTRY)})
    assert registry.get(ItemKey(Kind.EXTENSION, "foo")) is not None
    assert registry.get(ItemKey(Kind.MODULE, "foo")) is None


def test_edits_touch_nothing_else() -> None:
    entry = RegistryEntry.from_document(ENTRY)
    registry = Registry(entries={"a": entry, "b": entry}, foreign=({"id": "s", "type": "skill"},))
    edited = registry.edited({"a": None, "c": entry, "gone": None})
    assert edited == Registry(entries={"b": entry, "c": entry}, foreign=registry.foreign)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"version": 2, "items": []}, "it holds an object where this version knows a list"),
        ({}, "it holds an object where this version knows a list"),
    ],
)
def test_a_registry_of_a_newer_gateway(home: Home, document: Any, found: str) -> None:
    home.registry.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_registry(home)
    assert str(caught.value) == f"{home.registry}: this version cannot read it: {found}"
    assert caught.value.advice == "a newer gateway may have written it; update llamagate"


NO_LIST = "it is not a list of entries with an id and a type"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (TEXT.encode()[:20], "Unterminated string starting at: line 3 column 11 (char 16)"),
        (b"[null]", NO_LIST),
        (b"null", NO_LIST),
        (b'[{"id": "a"}]', NO_LIST),
        (b'[{"id": "", "type": "extension"}]', NO_LIST),
        (b'[{"id": 1, "type": "extension"}]', NO_LIST),
        (b'[{"id": "a", "type": "extension"}, {"id": "a", "type": "agentic-module"}]', "one id has two entries"),
        (b"\xff[]", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'[{"id": "a", "type": "skill", "size": NaN}]', "NaN is not a finite number"),
        (b'[{"id": "a", "type": "skill", "size": -1e999}]', "-1e999 is not a finite number"),
        (b'[{"id": "a", "type": "skill", "x": ' + b"[" * 64 + b"]" * 64 + b"}]", "it is nested deeper than 64 levels"),
    ],
    ids=[
        *("empty", "cut off", "null in it", "null", "no type", "empty id", "id no text", "id twice", "not UTF-8"),
        *("no number", "no finite number", "deep"),
    ],
)
def test_a_corrupt_registry_is_reported_and_never_taken_for_an_empty_one(home: Home, data: bytes, found: str) -> None:
    home.registry.write_bytes(data)
    result = read_registry(home)
    assert (result.registry, result.corrupt) == (Registry(), found)
    assert home.registry.read_bytes() == data


def test_a_registry_nested_without_end_is_corrupt(home: Home) -> None:
    home.registry.write_bytes(b"[" * 1_000_000)
    assert read_registry(home).corrupt


def test_a_registry_that_cannot_be_read(home: Home) -> None:
    home.registry.mkdir()
    with pytest.raises(StorageError) as caught:
        read_registry(home)
    assert str(caught.value) == f"{home.registry} cannot be read: Is a directory"
