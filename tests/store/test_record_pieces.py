"""The record in pieces: what a change writes, what stays, and a reader beside a writer."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.documents import pieces as pieces_of_record
from reconciler.documents.generations import generation_bytes
from reconciler.documents.record import record_files
from reconciler.documents.sealed import encode
from reconciler.errors import InputError
from reconciler.model.generation import generation_of
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.record import Record
from reconciler.store.state_files import read_generation, read_record
from reconciler.store.write import write_record
from tests.store.test_bytes import RECORD

ITEM = next(iter(RECORD.items.values()))


def record(count: int, generation: int = 1) -> Record:
    keys = [ItemKey(Kind.EXTENSION, f"item-{number}") for number in range(count)]
    return Record(generation=generation, items={key: replace(ITEM, key=key, source_stamp="0") for key in keys})


def changed(before: Record) -> Record:
    """One item has changed."""
    key = next(iter(before.items))
    stamp = str(int(before.items[key].source_stamp) + 1)
    item = replace(before.items[key], source_stamp=stamp)
    return replace(before, generation=before.generation + 1, items={**before.items, key: item})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.ours.mkdir()
    return found


def pieces(home: Home) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in home.pieces.iterdir()}


def test_a_change_of_one_item_writes_one_piece(home: Home) -> None:
    write_record(home, record(1_000))
    before = pieces(home)
    write_record(home, changed(record(1_000)))
    after = pieces(home)
    assert len(before) == len(after) == 32
    assert len(before.items() & after.items()) == 31
    assert read_record(home)[0] == changed(record(1_000))


def test_a_piece_that_did_not_change_is_not_encoded_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(home, record(1_000))
    found = changed(read_record(home)[0])
    encoded: list[object] = []

    def noting(value: object) -> bytes:
        encoded.append(value)
        return encode(value)

    monkeypatch.setattr(pieces_of_record, "encode", noting)
    files = record_files(found)
    assert len(encoded) == 1
    others = {key: replace(item) for key, item in found.items.items()}
    assert files == record_files(replace(found, items=others))
    assert len(encoded) == 1 + len(files.pieces)


def test_a_note_writes_the_head_alone(home: Home) -> None:
    write_record(home, record(40))
    before = pieces(home)
    write_record(home, replace(record(40), told_generation=1))
    assert pieces(home) == before


@pytest.mark.parametrize("count", [0, 1, 32, 33, 100])
def test_no_more_pieces_than_needed(home: Home, count: int) -> None:
    write_record(home, record(count))
    assert read_record(home)[0] == record(count)
    found = [*home.pieces.iterdir()] if count else []
    assert len(found) <= 1 + count // 16


def test_a_piece_that_is_gone(home: Home) -> None:
    write_record(home, record(40))
    path = next(home.pieces.iterdir())
    path.unlink()
    with pytest.raises(InputError, match=f"{path.name}: it is damaged: a part of it is not there"):
        read_record(home)


def test_a_part_of_a_piece_is_written_again(home: Home) -> None:
    write_record(home, record(40))
    names = [path.name for path in home.pieces.iterdir()]
    home.record.unlink()
    for name in names:
        (home.pieces / name).write_bytes(b"[")
    write_record(home, record(40))
    assert read_record(home)[0] == record(40)


def test_a_reader_beside_a_writer_meets_one_record_whole(home: Home) -> None:
    now = record(100)
    write_record(home, now)
    is_over = threading.Event()
    wrong: list[object] = []

    def look() -> None:
        while not is_over.is_set():
            found = read_record(home)[0]
            stamp = int(found.items[ItemKey(Kind.EXTENSION, "item-0")].source_stamp)
            if found.generation != stamp + 1 or len(found.items) != 100:
                wrong.append((found.generation, stamp))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(100):
        now = changed(now)
        write_record(home, now)
    is_over.set()
    reader.join()
    assert wrong == []


def test_a_generation_is_small(home: Home) -> None:
    generation = generation_of(record(1_000), applied_at="", command="")
    home.generations.mkdir()
    home.generation(1).write_bytes(generation_bytes(generation))
    assert read_generation(home, 1) == generation
    assert home.generation(1).stat().st_size < 20_000
    home.generation(1).write_bytes(generation_bytes(generation) + b"x")
    with pytest.raises(InputError, match="it is damaged"):
        read_generation(home, 1)


def test_what_did_not_change_is_not_decoded_again(home: Home) -> None:
    """A watcher reads the record for ever."""
    write_record(home, record(100))
    first = read_record(home)[0]
    write_record(home, changed(record(100)))
    second = read_record(home)[0]
    assert second == changed(record(100))
    assert sum(second.items[key] is item for key, item in first.items.items()) > 60


def test_damage_is_noticed_though_the_piece_was_read_before(home: Home) -> None:
    write_record(home, record(40))
    read_record(home)
    piece = next(home.pieces.iterdir())
    status, data = piece.stat(), bytearray(piece.read_bytes())
    data[0] ^= 1
    piece.write_bytes(data)
    os.utime(piece, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(InputError, match="damaged"):
        read_record(home)
