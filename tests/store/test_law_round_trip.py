"""Law: what is decoded is what was encoded."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.apply.journal import read_journal, write_journal
from reconciler.documents.generations import generation_bytes
from reconciler.documents.record import record_files
from reconciler.documents.sealed import as_object, seal, unseal
from reconciler.model import registry as module
from reconciler.model.config import JsonObject
from reconciler.model.generation import generation_of
from reconciler.model.home import Home
from reconciler.model.journal import Journal
from reconciler.model.lock import Lock
from reconciler.model.record import RECORD_SCHEMA, Record
from reconciler.model.registry import (
    CorruptRegistryError,
    NewerRegistryError,
    Registry,
    decode_registry,
    encode_registry,
)
from reconciler.store.lock_file import lock_bytes, read_lock
from reconciler.store.state_files import read_generation, read_record
from reconciler.store.write import write_record
from tests.documents.strategies import objects
from tests.store import strategies
from tests.support.laws import examples

many = examples(0.5)


@many
@given(strategies.records)
def test_record(tmp_path: Path, record: Record) -> None:
    home = Home(tmp_path)
    home.ours.mkdir(exist_ok=True)
    write_record(home, record)
    found, data = read_record(home)
    assert found == record
    files = record_files(found)
    assert data == files.head
    assert {path.stem: path.read_bytes() for path in home.pieces.glob("*")} == files.pieces


@many
@given(strategies.records)
def test_generation(tmp_path: Path, record: Record) -> None:
    home = Home(tmp_path)
    home.generations.mkdir(parents=True, exist_ok=True)
    generation = generation_of(replace(record, generation=7), applied_at="", command="")
    home.generation(7).write_bytes(generation_bytes(generation))
    assert read_generation(home, 7) == generation


@many
@given(strategies.locks)
def test_lock(tmp_path: Path, lock: Lock) -> None:
    path = tmp_path / "llamagate.lock.yaml"
    path.write_bytes(lock_bytes(lock))
    found = read_lock(path).lock
    assert found == lock
    assert lock_bytes(found) == lock_bytes(lock)


@many
@given(strategies.registries)
def test_registry(registry: Registry) -> None:
    data = encode_registry(registry)
    assert decode_registry(data) == registry
    assert encode_registry(decode_registry(data)) == data


@many
@given(st.lists(strategies.nearly_usual, max_size=3))
def test_usual_entries_of_the_registry_are_read_as_others_are(rows: list[JsonObject]) -> None:
    assert _entries(rows) == _entries([*rows, {"id": "x", "type": "skill"}])


def _entries(rows: list[JsonObject]) -> object:
    try:
        return decode_registry(json.dumps(rows).encode()).entries
    except CorruptRegistryError:
        return "corrupt"


@many
@given(strategies.registries)
def test_registry_is_utf_8_that_any_reader_of_json_takes(registry: Registry) -> None:
    assert isinstance(json.loads(encode_registry(registry).decode("utf-8")), list)


@many
@given(strategies.registries)
def test_registry_has_the_bytes_of_json_with_an_indent_of_two(registry: Registry) -> None:
    data = encode_registry(registry)
    document = json.loads(data.decode("utf-8"))
    assert json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace") == data


@many
@given(strategies.registries, st.integers(0, 10**6), st.binary(max_size=3))
def test_a_usual_registry_is_read_as_any_other(registry: Registry, place: int, other: bytes) -> None:
    data = encode_registry(registry)
    at = place % (len(data) + 1)
    changed = data[:at] + other + data[at + len(other) :]
    for one in (data, changed):
        assert read_usual(one) in (None, read_in_any_form(one))
    is_usual = not registry.foreign and not any(entry.extra or entry.absent for entry in registry.entries.values())
    assert (read_usual(data) is not None) is is_usual


def read_in_any_form(data: bytes) -> Registry | None:
    try:
        return module._decoded(data)
    except (CorruptRegistryError, NewerRegistryError):
        return None


def read_usual(data: bytes) -> Registry | None:
    return module._decoded_if_usual(data)


@many
@given(strategies.journals)
def test_journal(tmp_path: Path, journal: Journal) -> None:
    home = Home(tmp_path)
    home.ours.mkdir(exist_ok=True)
    write_journal(home, journal)
    assert read_journal(home.journal) == journal


@many
@given(objects)
def test_sealed(body: JsonObject) -> None:
    document: JsonObject = {**body, "schema": RECORD_SCHEMA}
    number, found = unseal(seal(document), name="x", schema=RECORD_SCHEMA)
    assert (number, repr(as_object(found))) == (RECORD_SCHEMA, repr(document))
