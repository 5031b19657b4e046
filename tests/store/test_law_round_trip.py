"""Law: what is decoded is what was encoded."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given

from reconciler.apply.journal import read_journal, write_journal
from reconciler.documents.sealed import seal, unseal
from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.journal import Journal
from reconciler.model.lock import Lock
from reconciler.model.record import RECORD_SCHEMA, Record
from reconciler.model.registry import Registry, decode_registry, encode_registry
from reconciler.store.lock_file import lock_bytes, read_lock
from reconciler.store.state_files import read_record, record_bytes
from tests.documents.strategies import objects
from tests.store import strategies
from tests.support.laws import examples

many = examples(0.5)


@many
@given(strategies.records)
def test_record(tmp_path: Path, record: Record) -> None:
    home = Home(tmp_path)
    home.ours.mkdir(exist_ok=True)
    home.record.write_bytes(record_bytes(record))
    found, data = read_record(home)
    assert found == record
    assert data == record_bytes(found)


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
    found = unseal(seal(document), name="x", schema=RECORD_SCHEMA)
    assert repr(found) == repr(document)
