"""One flipped bit, in any byte of what is installed or remembered, is noticed by the command that reads it.

A file is read again when its stat stamp moved, and every write moves that. What rots below the file system moves no
stamp: see the last test.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from reconciler.apply.journal import read_journal
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import ExitCode, NeedsRecoveryError
from tests.cli.shell import Session, interrupt_apply, snapshot

SAMPLED: Final = 25
ALL: Final = 1 << 30
many = pytest.mark.parametrize("at_most", [SAMPLED, pytest.param(ALL, marks=pytest.mark.long)])


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Two extensions and a module, applied twice."""
    session = Session(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        session.package("one", version=version, files={"prompts/tone.txt": "calm\n", "run.sh": "#!/bin/sh\n"})
        (session.project / "packages" / "one" / "run.sh").chmod(0o755)
        session.package("two")
        session.module("flow", "one")
        session.desired(
            "policy: {drift: {edited: report}}\n"
            "extensions: {one: ./packages/one, two: ./packages/two}\nmodules: {flow: ./packages/flow}\n"
        )
        session.llamagate("apply")
    assert session.llamagate("status", "--json").json["in_sync"]
    return session


def flips(path: Path, at_most: int) -> Iterator[str]:
    """``path`` with one bit of one byte flipped, byte by byte, or in a sample; each in words. It ends as it was."""
    good = path.read_bytes()
    places = range(len(good))
    chance = random.Random(path.name)  # noqa: S311 - the same sample each time
    for place in places if len(good) <= at_most else sorted(chance.sample(places, at_most)):
        bit = chance.randrange(8)
        bad = bytearray(good)
        bad[place] ^= 1 << bit
        path.write_bytes(bad)
        yield f"byte {place} of {path.name}, {good[place : place + 1]!r} is {bytes(bad[place : place + 1])!r}"
    path.write_bytes(good)


@many
def test_installed_file(session: Session, at_most: int) -> None:
    missed = []
    for folder in (session.installed("one"), session.home / "agentic-modules" / "installed" / "flow"):
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            row = {"id": folder.name, "path": str(path.relative_to(folder)), "change": "edited"}
            for flip in flips(path, at_most):
                drift = session.llamagate("status", "--json").json["drift"]
                missed += [flip] if [dict(found, kind=0) for found in drift] != [{**row, "kind": 0}] else []
    assert missed == []


@many
@pytest.mark.parametrize("document", ["head", "piece"])
@pytest.mark.parametrize("verb", ["plan", "status", "apply"])
def test_record(session: Session, verb: str, document: str, at_most: int) -> None:
    record = session.ours / "record.json" if document == "head" else next((session.ours / "record").iterdir())
    before = snapshot(session.home / "extensions")
    for flip in flips(record, at_most):
        said = session.run(verb)
        assert (said.code, flip) == (ExitCode.ERROR, flip)
        assert f"{record}: it is damaged" in said.err
    assert snapshot(session.home / "extensions") == before


@many
def test_lock(session: Session, at_most: int) -> None:
    """It is refused as malformed or as stale, but for a bit that changes nothing of what it says; apply mends that."""
    lock = session.project / "llamagate.lock.yaml"
    good = lock.read_bytes()
    said = yaml_text.load(good, name="lock")
    for flip in flips(lock, at_most):
        before = lock.read_bytes()
        locked, status = session.run("apply", "--locked"), session.run("status", "--json")
        assert lock.read_bytes() == before, flip
        if locked.code == ExitCode.OK:
            assert yaml_text.load(before, name="lock") == said, flip
        else:
            assert (locked.code in (ExitCode.ERROR, ExitCode.LOCK_STALE), flip) == (True, flip), locked.err
            assert str(lock) in locked.err or lock.name in locked.err, flip
            assert status.code == ExitCode.ERROR or not status.json["in_sync"], flip
        if locked.code != ExitCode.ERROR:
            assert "wrote llamagate.lock.yaml" in session.llamagate("apply").err
            assert lock.read_bytes() == good, flip


@many
def test_cached_package(session: Session, at_most: int) -> None:
    """It is never installed: the source is read instead, and where that is gone too, nothing is changed."""
    cached = cached_package(session)
    good = snapshot(session.installed("one"))
    source = session.project / "packages" / "one"
    for number, flip in enumerate(flips(cached, at_most)):
        shutil.rmtree(session.installed("one"))
        if number % 2:
            source.rename(source.with_name("away"))
            session.run("apply")
            source.with_name("away").rename(source)
            shutil.rmtree(session.installed("one"), ignore_errors=True)
        session.llamagate("apply")
        assert snapshot(session.installed("one")) == good, flip


@many
def test_mode_in_a_cached_package(session: Session, at_most: int) -> None:
    """No digest of a package covers its modes; in the cache only those count that we write."""
    cached = cached_package(session)
    good = snapshot(session.installed("one"))
    data = cached.read_bytes()
    central = [match.start() for match in re.finditer(b"PK\x01\x02", data)]
    bits = [(entry + offset, bit) for entry in central for offset in (5, *range(38, 42)) for bit in range(8)]
    for place, bit in random.Random(1).sample(bits, min(at_most, len(bits))):  # noqa: S311 - the same ones each time
        cached.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        shutil.rmtree(session.installed("one"))
        session.llamagate("apply")
        assert snapshot(session.installed("one")) == good, f"bit {bit} of byte {place}"


def cached_package(session: Session) -> Path:
    """Where the package of the item ``one`` is cached."""
    tree = next(item["tree"] for item in session.record()["items"] if item["id"] == "one")
    return session.ours / "cache" / f"{tree.removeprefix('sha256:')}.zip"


@many
def test_generation(session: Session, at_most: int) -> None:
    generation = session.generation_path(1)
    good = generation.read_bytes()
    for _ in flips(generation, at_most):
        if not _only_fills_up(generation.read_bytes(), good):
            said = session.llamagate("verify", exits=3)
            assert f"generation 1: its document is damaged ({generation})" in said.out


def _only_fills_up(data: bytes, good: bytes) -> bool:
    """Whether what differs is a bit behind the end of the packed data, in its last byte: that says nothing."""
    last = -9  # eight bytes come after it
    with suppress(EOFError, OSError, zlib.error):
        return data[last] != good[last] and gzip.decompress(data) == gzip.decompress(good)
    return False


def test_generation_that_is_dropped(session: Session) -> None:
    """A damaged one goes when its time has come, and takes nothing along that is needed."""
    generation = session.generation_path(1)
    next(flips(generation, SAMPLED))
    session.edit("llamagate.yaml", "policy: {", "policy: {generations: 1, ")
    session.package("two", version="2.0.0")
    session.llamagate("apply")
    assert not generation.exists()
    assert session.llamagate("verify").code == 0


@pytest.fixture
def interrupted(session: Session) -> Session:
    session.package("one", version="2.0.0")
    interrupt_apply(session)
    return session


@many
def test_journal(interrupted: Session, at_most: int) -> None:
    for _ in flips(interrupted.journal, at_most):
        with pytest.raises(NeedsRecoveryError, match="its journal cannot be used"):
            read_journal(interrupted.journal)
    assert read_journal(interrupted.journal)


@many
def test_journal_that_a_command_meets(interrupted: Session, at_most: int) -> None:
    before = interrupted.everything()
    for number, flip in enumerate(flips(interrupted.journal, min(at_most, 400))):
        damaged = interrupted.everything()
        said = interrupted.run(("apply", "recover")[number % 2])
        assert (said.code, flip) == (ExitCode.NEEDS_RECOVERY, flip)
        assert str(interrupted.journal) in said.err
        assert interrupted.everything() == damaged
    assert interrupted.everything() == before
    interrupted.llamagate("recover")
    assert interrupted.registered()["one"]["version"] == "2.0.0"


def test_write_that_hides_its_time(session: Session) -> None:
    path = session.installed("one", "prompts/tone.txt")
    status = path.stat()
    next(flips(path, 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    [row] = session.llamagate("status", "--json").json["drift"]
    assert (row["path"], row["change"]) == ("prompts/tone.txt", "edited")


def test_bit_that_rots_below_the_file_system(session: Session) -> None:
    """What moves no stamp is not read, and so not noticed by plan, status and apply, which promise no more.

    As soon as anything touches the file it is; and a command that reads everything notices at once.
    """
    path = session.installed("one", "prompts/tone.txt")
    next(flips(path, 1))
    believe_the_stamp_of(session, path)
    assert session.llamagate("status", "--json").json["in_sync"]
    assert not session.plan()["drift"]
    path.touch()
    assert [row["path"] for row in session.plan()["drift"]] == ["prompts/tone.txt"]


def believe_the_stamp_of(session: Session, path: Path) -> None:
    """As if ``path`` had the stamp that the record knows, which no program can give it."""
    record = session.record()
    item = next(item for item in record["items"] if item["id"] == "one")
    status = path.stat()
    item["files"]["prompts/tone.txt"][1:] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    session.write_record(record)
