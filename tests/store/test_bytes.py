"""What a version of this form has written, this one writes to the byte: ``bytes/`` holds one document of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from reconciler.apply.journal import read_journal, write_journal
from reconciler.model.digest import Digest
from reconciler.model.generation import Generation, generation_of
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.journal import Journal, Move
from reconciler.model.package import Dialect, Manifest
from reconciler.model.record import Hold, Record, RecordedFile, RecordItem, Route, Routes, Suspension
from reconciler.model.registry import RegistryEntry
from reconciler.model.source import Source, SourceKind
from reconciler.store.state_files import generation_bytes, read_generation, read_record, record_bytes

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
            executables=frozenset(["z.sh", "a.sh"]),
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
        Move(key=A, target="/t", new="/n", old="/o", new_inode=5, old_inode=None, backup=None, brought=frozenset("ba")),
        Move(key=B, target="/t", new="/n", old="/o", new_inode=None, old_inode=6, backup="/b"),
    ),
    edits={"b": None, "a": ENTRY},
    before={"a": None},
    rebuilt=(ENTRY,),
    record="{}",
    previous_record=None,
    generation_text="\ud800",
)


def journal_bytes(folder: Path, journal: Journal) -> bytes:
    home = Home(folder)
    home.ours.mkdir(exist_ok=True)
    write_journal(home, journal)
    return home.journal.read_bytes()


def test_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.model.record.__version__", "0.1.0")
    kept = (KEPT / "record.json").read_bytes()
    assert record_bytes(RECORD) == kept
    home = Home(tmp_path)
    home.ours.mkdir()
    home.record.write_bytes(kept)
    assert read_record(home) == (RECORD, kept)


def test_generation(tmp_path: Path) -> None:
    kept = (KEPT / "generation.json").read_bytes()
    assert generation_bytes(GENERATION) == kept
    home = Home(tmp_path)
    home.generations.mkdir(parents=True)
    home.generation(7).write_bytes(kept)
    found: Generation = read_generation(home, 7)
    assert found == GENERATION


def test_journal(tmp_path: Path) -> None:
    kept = (KEPT / "journal").read_bytes()
    assert journal_bytes(tmp_path, JOURNAL) == kept
    assert read_journal(Home(tmp_path).journal) == JOURNAL
