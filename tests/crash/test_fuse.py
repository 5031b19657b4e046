"""FUSE acknowledges a sync of the whole file system and syncs nothing: exit code 0, then a power cut, is "after"."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.cli.shell import Session, finished, snapshot
from tests.crash.fuse import Fuse, fuse

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="FUSE is spoken with Linux")

START = "from reconciler.cli.app import main; main()"
GULLIBLE = f"from reconciler.fs import sync; sync._KEEP_THEIR_WORD = {{0x65735546: 'fuse'}}; {START}"
"""A program that takes FUSE at its word."""


@pytest.fixture
def disk(session: Session) -> Iterator[Fuse]:
    with fuse(session.base / "disk") as made:
        session.variables["LLAMAGATE_HOME"] = str(made.root / "home")
        yield made


def lost(session: Session, disk: Fuse, number: int, code: str = START) -> list[str]:
    """What of the acknowledged change ``number`` a power cut took."""
    session.package("foo", version=f"{number}.0.0", files={"lib/a.txt": f"{number}\n" * 50, "b.txt": "b\n"})
    with session.python(code, "apply") as process:
        said = finished(process)
    assert said.code == 0, said.err
    before = snapshot(disk.root / "home")
    disk.cut_the_power()
    after = snapshot(disk.root / "home") if (disk.root / "home").exists() else {}
    ours = str(disk.root / "home" / "reconciler" / "lock")
    return [path for path in before if before[path] != after.get(path) and path != ours]


@pytest.mark.parametrize("applies", [5, pytest.param(50, marks=pytest.mark.long)])
def test_what_was_acknowledged_is_there_after_a_power_cut(session: Session, disk: Fuse, applies: int) -> None:
    session.extensions("foo")
    assert {number: gone for number in range(1, applies + 1) if (gone := lost(session, disk, number))} == {}
    with session.python(START, "plan", "--detailed-exitcode") as process:
        assert finished(process).code == 0


def test_a_program_that_takes_it_at_its_word_loses(session: Session, disk: Fuse) -> None:
    session.extensions("foo")
    assert lost(session, disk, 1, GULLIBLE) != []
