"""What a version has written, this one reads: ``bytes/1`` holds one document of each kind in the first form.

``bytes/2`` holds them in the form of today, which this version writes to the byte.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from reconciler.apply.journal import read_journal, write_journal
from reconciler.documents.generations import generation_bytes
from reconciler.model.digest import Digest
from reconciler.model.generation import generation_of
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.journal import Journal, Move
from reconciler.model.package import Dialect, Manifest
from reconciler.model.record import Hold, Record, RecordedFile, RecordItem, Route, Routes, Suspension
from reconciler.model.registry import RegistryEntry
from reconciler.model.source import Source, SourceKind
from reconciler.store.state_files import read_generation, read_record
from reconciler.store.write import write_record

KEPT: Final = Path(__file__).parent / "bytes"
A: Final = ItemKey(Kind.EXTENSION, "a")
B: Final = ItemKey(Kind.MODULE, "b")
TREE: Final = Digest("sha256:" + "0f" * 32)


def manifest(key: ItemKey, dialect: Dialect) -> Manifest:
    return Manifest(
        kind=key.kind,
        id=key.id,
        name="Ärger \ud800",
        version="1.2.0",
        dialect=dialect,
        definition="extension.yaml",
        loadable=True,
        has_endpoints=key is A,
        requires=("c", "d"),
    )


RECORD: Final = Record(
    generation=7,
    told_generation=6,
    hold=Hold(reason="rollback", generation=7, inputs={"/srv/llamagate.yaml": TREE}),
    suspensions=(Suspension(item="", reason="a fight", since="2026-01-02T03:04:05.000000006Z"),),
    owners={"team": "/srv/llamagate.yaml"},
    documents={TREE: {"apiVersion": "llamagate/v1", "policy": {"x": [1, 1.5, 1e22, True, None, "\x7f\u2028é"]}}},
    items={
        A: RecordItem(
            key=A,
            owner=None,
            source=Source(SourceKind.DIR, "/srv/a"),
            source_stamp="s",
            tree=TREE,
            config={},
            enabled=True,
            manifest=manifest(A, Dialect.DEFINITION),
            files={"b.txt": RecordedFile("ab", 1, 2, 3, 4), "a.txt": RecordedFile("cd")},
        ),
        B: RecordItem(
            key=B,
            owner="team",
            source=Source(SourceKind.GIT, "https://example.org/x", "v1", "modules/b"),
            source_stamp="",
            tree=TREE,
            config={"token": {"env": "TOKEN"}, "n": -1e-07, "big": 2**63 - 1},
            enabled=False,
            manifest=manifest(B, Dialect.GATEWAY),
            files={},
            depends_on=("a",),
            may_run=("a.sh", "z.sh"),
        ),
    },
    routes=Routes(process="77", generation=5, items={"b": Route("1", "ff"), "a": Route("", "")}),
)
GENERATION: Final = generation_of(RECORD, applied_at="2026-01-02T03:04:05.000000006Z", command="apply", list_of=3)
ENTRY: Final = RegistryEntry(
    key=A,
    name="a",
    version="1.2.0",
    enabled=True,
    installed_at="2026-01-02T03:04:05.000000006Z",
    last_updated_at="",
    source_path="/h",
    extra={"more": [1]},
    absent=frozenset(["last_updated_at"]),
)
JOURNAL: Final = Journal(
    txn="t",
    generation=7,
    moves=(
        Move(key=A, target="/t", new="/n", old="/o", new_inode=5, old_inode=None, backup=None, brought=frozenset("b")),
        Move(key=B, target="/t", new="/n", old="/o", new_inode=None, old_inode=6, backup="/b"),
    ),
    edits={"b": None, "a": ENTRY},
    before={"a": None},
    rebuilt=(ENTRY,),
    record="{}",
    previous_record=None,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.generations.mkdir(parents=True)
    return found


@pytest.fixture(autouse=True)
def that_version(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("first_schema", "record"):
        monkeypatch.setattr(f"reconciler.documents.{module}.__version__", "0.1.0")


def test_record(home: Home) -> None:
    write_record(home, RECORD)
    written = {path.name: path.read_bytes() for path in (home.record, *home.pieces.iterdir())}
    assert written == {path.name: path.read_bytes() for path in (KEPT / "2" / "record").iterdir()}
    assert read_record(home) == (RECORD, written["record.json"])


def test_record_of_the_first_form(home: Home) -> None:
    kept = (KEPT / "1" / "record.json").read_bytes()
    home.record.write_bytes(kept)
    assert read_record(home) == (RECORD, kept)


def test_generation(home: Home) -> None:
    home.generation(7).write_bytes(generation_bytes(GENERATION))
    assert gzip.decompress(home.generation(7).read_bytes()) == (KEPT / "2" / "generation.json").read_bytes()
    assert read_generation(home, 7) == GENERATION


def test_generation_of_the_first_form(home: Home) -> None:
    home.old_generation(7).write_bytes((KEPT / "1" / "generation.json").read_bytes())
    assert read_generation(home, 7) == GENERATION


def test_journal(home: Home) -> None:
    write_journal(home, JOURNAL)
    assert home.journal.read_bytes() == (KEPT / "2" / "journal").read_bytes()
    assert read_journal(home.journal) == JOURNAL


def test_journal_of_the_first_form(home: Home) -> None:
    home.journal.write_bytes((KEPT / "1" / "journal").read_bytes())
    first = replace(JOURNAL.moves[0], brought=frozenset("ba"))
    assert read_journal(home.journal) == replace(JOURNAL, moves=(first, *JOURNAL.moves[1:]), generation_text="\ud800")
