"""Many at once: readers never meet a missing or mixed item, writers lose nothing, and waiting has its bounds."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from reconciler.errors import ExitCode
from reconciler.fs import swap
from reconciler.fs.file_lock import exclusive
from tests.cli.shell import Session, finished, held_apply
from tests.fs.hostile import python
from tests.support.prepared import relayed
from tests.support.promised import promised

READER: Final = """
import os
folder = sys.argv[1]
def content(name, **where):
    descriptor = os.open(name, os.O_RDONLY, **where)
    try: return os.read(descriptor, 4096).partition(b'version: ')[2][:5]
    finally: os.close(descriptor)
print('ready', flush=True)
os.set_blocking(0, False)
reads = missed = mixed = 0
seen = set()
while sys.stdin.buffer.read(1) is None:
    for _ in range(50):
        reads += 1
        try:
            content(folder + '/manifest.yaml')
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try: versions = {content(name, dir_fd=opened) for name in ('manifest.yaml', 'second.yaml')}
            finally: os.close(opened)
        except FileNotFoundError: missed += 1
        else: mixed += len(versions) > 1; seen |= versions
    if reads == 50: print("has read", flush=True)
print(reads, missed, mixed, len(seen))
"""
"""Reads one file by its path, and two files of the folder that it has opened once."""
WRITER: Final = """
import subprocess
arguments, manifest, times = sys.argv[1:-2], Path(sys.argv[-2]), int(sys.argv[-1])
text = manifest.read_text()
for number in range(1, times + 1):
    manifest.write_text(text.replace('1.0.0', f'1.0.{number}'))
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode: sys.exit(f'change {number} ended with {done.returncode}: {done.stderr}')
"""
"""Changes its package, applies, and so on; the command line is a process of its own each time."""
FOREIGN: Final = """
import json, os, time
registry, times, in_place = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == 'in place'
for number in range(times):
    entries = json.loads(registry.read_bytes())
    entries.append({'id': f'foreign-{number}', 'type': 'extension', 'name': 'foreign', 'version': '1.0.0',
        'enabled': True, 'installed_at': '2026-11-23T15:15:39.773193843Z',
        'last_updated_at': '2026-11-23T15:15:39.773193843Z', 'source_path': '/nowhere'})
    target = registry if in_place else registry.with_name('installed.json.tmp')
    target.write_text(json.dumps(entries, indent=2))
    if not in_place: os.replace(target, registry)
    time.sleep(0.03)
"""


class Reading:
    """``counted`` at the end: reads, missed, mixed, versions seen."""

    def __init__(self, reader: subprocess.Popen[str]) -> None:
        self.counted: list[int] = []
        self._reader, self._has_read = reader, threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        assert self._reader.stdout is not None
        if self._reader.stdout.readline() == "has read\n":
            self._has_read.set()

    def times(self, least: int) -> Iterator[int]:
        """So many numbers from 1 on, and more until the reader has read fifty times."""
        number = 0
        while number < least or not self._has_read.is_set():
            assert self._reader.poll() is None
            number += 1
            yield number

    def end(self) -> None:
        self._thread.join()
        self.counted += map(int, self._reader.communicate(".")[0].split())


@contextmanager
def reading(folder: Path) -> Iterator[Reading]:
    """A reader of ``folder`` meanwhile."""
    with subprocess.Popen(python(READER, folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        found = Reading(reader)
        yield found
        found.end()


# Readers


@pytest.mark.parametrize("times", [2_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_exchanges_are_never_seen(tmp_path: Path, times: int) -> None:
    pair = tmp_path / "first", tmp_path / "second"
    for number, place in enumerate(pair):
        place.mkdir()
        for name in ("manifest.yaml", "second.yaml"):
            (place / name).write_text(f"version: 1.0.{number}\n")
    if not swap.exchange(*pair):
        pytest.skip("this file system has no exchange")
    with reading(pair[0]) as found:
        assert all(swap.exchange(*pair) for _ in found.times(times))
    reads, missed, mixed, _ = found.counted
    assert reads >= 50
    assert (missed, mixed) == (0, 0)


@pytest.mark.parametrize("times", [30, pytest.param(1_000, marks=pytest.mark.long)])
def test_applies_are_never_seen(session: Session, times: int) -> None:
    def desire(number: int) -> None:
        session.package("a", version=f"1.0.{number}", files={"second.yaml": f"version: 1.0.{number}\n"})

    desire(0)
    # The folder that a reader holds open is whole until its backup is dropped.
    session.extensions("a", text="policy: {backups: 1000}\n")
    session.llamagate("apply")
    with reading(session.installed("a")) as found:
        for number in found.times(times):
            desire(number)
            session.llamagate("apply")
    reads, missed, mixed, versions = found.counted
    assert reads >= 50
    assert (missed, mixed) == (0, 0)
    assert versions > 1


# Writers


def owners(session: Session, count: int) -> list[str]:
    """So many owners, each with a file and a package."""
    names = [f"owner-{number}" for number in range(count)]
    for name in names:
        session.package(name)
        session.desired(
            f"owner: {name}\npolicy: {{generations: 1000, backups: 1}}\nextensions: {{{name}: ./packages/{name}}}\n",
            name=f"{name}.yaml",
        )
    return names


def program(session: Session, *, fresh: bool) -> list[str]:
    """What starts the command: Python, or where it need not be ``fresh`` what has a copy run it."""
    if fresh or (text := relayed()) is None:
        return [sys.executable, "-B", "-m", "reconciler"]
    path = session.base / "llamagate"
    path.write_text(text)
    path.chmod(0o755)
    return [str(path)]


def writer(session: Session, start: list[str], owner: str, times: int) -> subprocess.Popen[str]:
    manifest = session.project / "packages" / owner / "manifest.yaml"
    apply = [*start, "apply", "-f", f"{owner}.yaml"]
    return session.python("import sys; from pathlib import Path\n" + WRITER, *apply, manifest, times)


@pytest.mark.parametrize(
    ("processes", "times", "fresh"), [(4, 2, False), pytest.param(16, 50, True, marks=pytest.mark.long)]
)
def test_writers_lose_nothing(session: Session, processes: int, times: int, fresh: bool) -> None:
    names, start = owners(session, processes), program(session, fresh=fresh)
    with ExitStack() as stack:
        running = [stack.enter_context(writer(session, start, name, times)) for name in names]
        said = [process.communicate(timeout=3_600)[1] for process in running]
    assert [(process.returncode, text) for process, text in zip(running, said, strict=True)] == [(0, "")] * processes

    last = f"1.0.{times}"
    assert {item: entry["version"] for item, entry in session.registered().items()} == dict.fromkeys(names, last)
    assert {item["id"]: item["manifest"]["version"] for item in session.record()["items"]} == dict.fromkeys(names, last)
    for name in names:
        assert f"version: {last}\n" in session.installed(name, "manifest.yaml").read_text()
    assert session.record()["generation"] == processes * times
    assert serial_changes(session) == {name: [f"1.0.{number}" for number in range(1, times + 1)] for name in names}


def serial_changes(session: Session) -> dict[str, list[str]]:
    """Each item's versions in the order of the generations, each of which must differ from the one before in one."""
    before: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for number in range(1, session.record()["generation"] + 1):
        items = session.generation(number)["items"]
        versions = {item["id"]: item["version"] for item in items}
        [(name, version)] = versions.items() - before.items()
        found.setdefault(name, []).append(version)
        before = versions
    return found


@pytest.mark.parametrize("how", ["at once", "in place"])
@pytest.mark.parametrize("times", [30, pytest.param(500, marks=pytest.mark.long)])
def test_writer_that_knows_no_lock(session: Session, how: str, times: int) -> None:
    """The gateway's own tool rewrites the registry as it found it a moment ago; what it drops comes back."""
    session.extensions("a")
    session.llamagate("apply")
    code = "import sys; from pathlib import Path\n" + FOREIGN
    number = 0
    with session.python(code, session.registry, times, how) as foreign:
        while foreign.poll() is None:
            number += 1
            session.package("a", version=f"1.0.{number}")
            assert session.llamagate("apply", "--json").json["refusals"] == []
        said = finished(foreign)
    assert (said.code, said.err) == (0, "")
    session.llamagate("apply")
    entries = session.registered()
    assert entries["a"]["version"] == f"1.0.{number}"
    # No lock keeps the tool from writing between our last look and the rename: that takes microseconds, if we may run.
    kept = sum(name.startswith("foreign-") for name in entries)
    assert kept >= times * 9 // 10


# Waiting


@promised(1)
def test_killed_holder_delays_the_next_by_less_than_a_second(session: Session, most: float) -> None:
    session.extensions("a")
    with held_apply(session) as first, session.process("apply") as second:
        assert second.stderr is not None
        assert second.stderr.readline().startswith("llamagate: waiting for llamagate apply (pid ")
        first.kill()
        start = time.monotonic()
        assert second.stderr.readline() == "llamagate: an interrupted change was finished first\n"
        assert time.monotonic() - start < most
        assert finished(second).code == 0
    assert session.registered()["a"]["version"] == "1.0.0"


@promised(1)
def test_notice_comes_within_a_second_and_names_the_holder(session: Session, most: float) -> None:
    told: list[tuple[float, str]] = []
    session.extensions("a")
    with held_apply(session) as first:
        start = time.monotonic()

        def notice(text: str) -> None:
            told.append((time.monotonic() - start, text))
            first.kill()

        with exclusive(session.ours / "lock", command="me", wait=60, notice=notice):
            pass
    [(waited, text)] = told
    assert waited < most
    assert re.fullmatch(rf"waiting for llamagate apply \(pid {first.pid}, since \d\d:\d\d:\d\d\)", text)


@promised(0.5)
@pytest.mark.parametrize("wait", [0.3, *(pytest.param(one, marks=pytest.mark.long) for one in (1.0, 10.0))])
def test_time_out_is_exact_to_half_a_second(session: Session, wait: float, most: float) -> None:
    session.extensions("a")
    with held_apply(session):
        start = time.monotonic()
        session.llamagate("apply", "--wait", wait, exits=ExitCode.BUSY)
        assert wait <= time.monotonic() - start <= wait + most
