"""``verify`` reads everything again; ``doctor`` says what is wrong and how to fix it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.parcels import list_checksums
from tests.cli.shell import Session, finished, interrupt_apply
from tests.crash.sweeps import folder
from tests.fs.hostile import ordinary_user, python
from tests.support.packages import MANIFEST, MODULE


@pytest.fixture
def pair(session: Session) -> Session:
    session.package("foo", files={"text.txt": "text\n"})
    session.extensions("foo", "bar")
    session.llamagate("apply")
    return session


def codes(session: Session, *, exits: int) -> list[str]:
    return [row["code"] for row in session.llamagate("doctor", "--json", exits=exits).json["findings"]]


def test_verify_of_what_is_as_it_was(pair: Session) -> None:
    found = pair.llamagate("verify", "--json").json
    assert (found["verified"], found["files"], found["items"]) == (True, 3, 2)


def test_verify_finds_what_a_stat_stamp_hides(pair: Session) -> None:
    """A disk that rots changes no time: what is trusted by its stamp elsewhere is read here."""
    record = pair.record()
    path = pair.installed("foo", "text.txt")
    path.write_text("TEXT\n")
    status = path.stat()
    for item in record["items"]:
        if item["id"] == "foo":
            facts = item["files"]["text.txt"]
            facts[1:] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    pair.write_record(record)
    assert pair.plan()["drift"] == []
    found = pair.llamagate("verify", "--json", exits=3).json
    assert [(row["id"], row["path"], row["change"]) for row in found["drift"]] == [("foo", "text.txt", "edited")]


def test_verify_lists_missing_files_and_packages(pair: Session) -> None:
    pair.installed("foo", "text.txt").unlink()
    shutil.rmtree(pair.installed("bar"))
    next((pair.ours / "cache").iterdir()).write_bytes(b"")
    found = pair.llamagate("verify", "--json", exits=3).json
    assert found["verified"] is False
    assert [(row["id"], row["path"], row["change"]) for row in found["drift"]] == [
        ("bar", ".", "missing"),
        ("foo", "text.txt", "missing"),
    ]
    assert len(found["damaged"]) == 1


def test_verify_holds_a_cached_list_of_checksums_against_the_files(session: Session) -> None:
    session.package("foo")
    list_checksums(session, "foo")
    session.extensions("foo")
    session.llamagate("apply")
    assert session.llamagate("verify", "--json").json["damaged"] == []
    cached = next((session.ours / "cache").iterdir())
    data = cached.read_bytes()
    with zipfile.ZipFile(cached) as archive:
        listed = archive.read("checksums.txt")
    other = listed.replace(listed[:1], b"e" if listed[:1] == b"d" else b"d", 1)
    cached.write_bytes(_with_crc(data.replace(listed, other), zlib.crc32(listed), zlib.crc32(other)))
    assert len(session.llamagate("verify", "--json", exits=3).json["damaged"]) == 1


def _with_crc(data: bytes, old: int, new: int) -> bytes:
    return data.replace(old.to_bytes(4, "little"), new.to_bytes(4, "little"))


def test_verify_leaves_out_what_programs_edit(session: Session) -> None:
    session.package("foo", files={"var/state": "1\n"})
    session.extensions("foo")
    session.llamagate("apply")
    session.installed("foo", "var/state").write_text("2\n")
    assert session.llamagate("verify").code == 0


def test_verify_tells_also_what_the_policy_ignores(pair: Session) -> None:
    pair.extensions("foo", "bar", text="policy: {drift: {edited: ignore, missing: ignore}}\n")
    pair.installed("foo", "text.txt").write_text("mine\n")
    pair.installed("bar", "manifest.yaml").unlink()
    assert pair.plan()["drift"] == []
    found = pair.llamagate("verify", "--json", exits=3).json["drift"]
    assert [(row["id"], row["path"]) for row in found] == [("bar", "manifest.yaml"), ("foo", "text.txt")]


def test_doctor_of_a_healthy_home(pair: Session) -> None:
    assert pair.llamagate("doctor", "--json").json == {"healthy": True, "transaction": "none", "findings": []}


def test_doctor_before_anything_is_installed(session: Session) -> None:
    assert codes(session, exits=0) == ["no-home"]


def test_each_problem_is_fixed_by_what_doctor_says(pair: Session) -> None:
    entries = json.loads(pair.registry.read_bytes())
    pair.registry.write_text(json.dumps([{**entries[1], "source_path": "/old/place"}, {**entries[0], "id": "ghost"}]))
    found = pair.llamagate("doctor", "--json", exits=1).json["findings"]
    assert sorted(row["code"] for row in found) == ["entry-without-folder", "folder-without-entry", "moved"]
    assert {row["fix"] for row in found} == {"llamagate sync"}
    pair.llamagate("sync")
    assert codes(pair, exits=0) == []


def test_doctor_after_a_crash_and_with_a_corrupt_registry(pair: Session) -> None:
    pair.package("foo", version="2.0.0")
    interrupt_apply(pair)
    first = pair.llamagate("doctor", "--json", exits=1).json["findings"][0]
    assert (first["level"], first["fix"]) == ("problem", "llamagate recover")
    pair.llamagate("recover")
    pair.registry.write_text("[")
    assert "registry-corrupt" in codes(pair, exits=1)
    pair.llamagate("sync")
    assert codes(pair, exits=0) == []


def test_doctor_names_what_a_gateway_would_trip_over(pair: Session) -> None:
    installed = pair.home / "extensions" / "installed"
    (installed / ".hidden").mkdir()
    (installed / "linked").symlink_to(pair.base)
    (installed / "junk").mkdir()
    (installed / "backups" / "old" / "1").mkdir(parents=True)
    found = codes(pair, exits=1)
    assert {"strange-name", "link", "folder-without-entry", "no-package", "left-copy"} <= set(found)


def test_doctor_sees_legacy_copies(pair: Session) -> None:
    for item in ("foo", "old"):
        pair.write(f"extensions/{item}/manifest.yaml", MANIFEST.format(id=item, version="1.0.0"))
    assert codes(pair, exits=0) == ["legacy"]
    pair.llamagate("disable", "foo")
    assert sorted(codes(pair, exits=1)) == ["legacy", "legacy-shadow"]


def test_doctor_tells_of_a_hold_unknown_fields_and_open_doors(pair: Session) -> None:
    entries = json.loads(pair.registry.read_bytes())
    pair.registry.write_text(json.dumps([{**entry, "colour": "blue"} for entry in entries]))
    pair.llamagate("remove", "bar")
    pair.ours.chmod(0o777)
    assert sorted(codes(pair, exits=1)) == ["hold", "unknown-fields", "world-writable"]
    pair.llamagate("resume")
    pair.ours.chmod(0o755)
    assert codes(pair, exits=0) == ["unknown-fields"]


def test_doctor_reads_on_where_a_document_is_damaged(pair: Session) -> None:
    data = bytearray((pair.ours / "record.json").read_bytes())
    data[-10] ^= 1
    (pair.ours / "record.json").write_bytes(data)
    assert codes(pair, exits=1) == ["unreadable"]


def test_doctor_reads_on_where_the_desired_state_is_malformed(pair: Session) -> None:
    pair.write("llamagate.yaml", "apiVersion: [\n")
    pair.registry.write_text("[")
    assert codes(pair, exits=1) == ["unreadable", "registry-corrupt"]


def test_doctor_of_a_link_with_an_entry_advises_what_helps(pair: Session) -> None:
    pair.installed("foo").rename(pair.base / "elsewhere")
    pair.installed("foo").symlink_to(pair.base / "elsewhere")
    assert codes(pair, exits=1) == ["link"]


def test_doctor_of_two_items_with_one_id_advises_what_helps(pair: Session) -> None:
    text = MODULE.format(id="foo", version="1.0.0", extension="bar")
    pair.write(str(pair.home / "agentic-modules/installed/foo/agenticmodule.yaml"), text)
    (found,) = pair.llamagate("doctor", "--json", exits=1).json["findings"]
    assert found["code"] == "same-id"
    assert found["message"] == "agentic-module foo has the same id as extension foo, and a gateway keeps only one"
    assert found["fix"] == "'llamagate remove agentic-module foo' keeps a backup"
    pair.llamagate("remove", "agentic-module", "foo")
    assert pair.registered()["foo"]["type"] == "extension"
    assert codes(pair, exits=0) == []


DROP = """\
import ctypes
system, head, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert system.capget(head, sets) == 0
for at in (0, 1):
    sets[at] &= ~0b110
assert system.capset(head, sets) == 0
"""
"""Of the capabilities in effect, and of those that may be, those that let root read and write whatever is forbidden."""


def unprivileged(session: Session, *arguments: str, exits: int) -> str:
    """The output of a command run by one who may not read what permissions forbid, as root may."""
    with session.python(
        f"{DROP if os.geteuid() == 0 else ''}from reconciler.cli.app import main; main()", *arguments
    ) as running:
        done = finished(running)
    assert done.code == exits, done.err
    return done.out


@pytest.mark.parametrize("path", ["", "templates", "manifest.yaml"])
def test_what_may_not_be_read_is_named_and_the_rest_is_listed(session: Session, path: str) -> None:
    session.package("bar")
    session.package("foo", files={"templates/a.txt": "one\n"})
    session.extensions("bar", "foo")
    session.llamagate("apply")
    session.write(str(session.installed("foo", "mine.local")), "local\n").chmod(0)
    assert unprivileged(session, "doctor", exits=0) == "No problems found.\n"
    place = session.installed("foo", path)
    mode = place.stat().st_mode
    place.chmod(0)
    try:
        assert f"{place} cannot be read: permission denied" in unprivileged(session, "doctor", exits=1)
        rows = unprivileged(session, "list", exits=0).splitlines()[1:]
        status = json.loads(unprivileged(session, "status", "--json", exits=0))
        unprivileged(session, "status", "--detailed-exitcode", exits=1)
        (session.project / "llamagate.yaml").unlink()
        without_file = unprivileged(session, "status", exits=0)
    finally:
        place.chmod(mode)
    assert ["installed" in rows[0], "unreadable" in rows[1]] == [True, True]
    assert (status["in_sync"], len(status["items"])) == (False, 2)
    assert f"{place} cannot be read" in status["unreachable"]
    assert f"{place} cannot be read" in without_file


def test_status_goes_by_the_policy_where_something_cannot_be_read(session: Session) -> None:
    session.package("foo", files={"notes/a.txt": "one\n"})
    session.package("bar")
    session.extensions("foo", "bar", text="policy: {mutable: [notes/**]}\n")
    session.llamagate("apply")
    session.installed("foo", "notes/a.txt").write_text("mine\n")
    session.installed("bar").chmod(0)
    try:
        status = json.loads(unprivileged(session, "status", "--json", exits=0))
    finally:
        session.installed("bar").chmod(0o755)
    assert status["drift"] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_doctor_as_one_who_may_not_write(pair: Session) -> None:
    pair.home.chmod(0o555)
    try:
        assert "not-writable" in codes(pair, exits=1)
    finally:
        pair.home.chmod(0o755)


def place(session: Session, name: str) -> Path:
    return {
        "home": session.home,
        "reconciler": session.ours,
        "registry": session.registry.parent,
        "installed": session.installed("foo").parent,
        "item": session.installed("foo"),
        "record": session.ours / "record.json",
    }[name]


@pytest.fixture
def reachable() -> Iterator[Session]:
    """A session where an ordinary user may go."""
    with folder() as base:
        session = Session(base)
        session.extensions("foo")
        session.llamagate("apply")
        yield session


@pytest.mark.parametrize("name", ["home", "reconciler", "registry", "installed", "item", "record"])
def test_doctor_tells_of_what_it_may_not_read(reachable: Session, name: str) -> None:
    """And of everything else: here, of two programs of the same name."""
    pair = reachable
    (pair.base / "bin").mkdir()
    (pair.base / "bin" / "llamagate").write_bytes(b"\x7fELF")
    (pair.base / "ours").mkdir()
    (pair.base / "ours" / "llamagate").write_text("#!python\nfrom reconciler.__main__ import main\n")
    for name_of in ("bin", "ours"):
        (pair.base / name_of / "llamagate").chmod(0o755)
    closed = place(pair, name)
    user = ordinary_user(pair.base)
    path = os.pathsep.join([str(pair.base / "bin"), str(pair.base / "ours"), os.environ["PATH"]])
    closed.chmod(0)
    try:
        code = "import os; os.chdir(sys.argv.pop(1)); from reconciler.__main__ import main; main()"
        command = [*user, *python(code, pair.project, "doctor", "--json")]
        environment = {**pair.environment, "PATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        closed.chmod(0o755)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["healthy"]) == (1, "", False)
    problems = [one["message"] for one in found["findings"] if one["level"] == "problem"]
    assert [one for one in problems if str(closed) in one]
    cures = [one["fix"] for one in found["findings"] if one["code"] in ("unreadable", "not-writable")]
    assert not [one for one in cures if one.startswith("chown") and "chmod" not in one]
    assert "same-program-name" in [one["code"] for one in found["findings"]]
    assert found["transaction"] == ("unknown" if name in ("home", "reconciler") else "none")
