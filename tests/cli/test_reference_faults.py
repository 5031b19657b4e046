"""Where the gateway's own command line goes wrong, as it was measured, and this one does not.

One test for each fault, in the order of the list in our notes on that tool.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.fs import durable
from tests.cli.parcels import formed, list_checksums, zipped
from tests.cli.shell import HELD, Session, finished, snapshot
from tests.gateway.simulator import LIST, REFRESH, Gateway
from tests.hostile.zip_builder import Entry, build
from tests.support.packages import MODULE


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension, imported in version 1.0.0, with a file of its user; version 2.0.0 is at hand."""
    session.package("foo")
    session.llamagate("import", "packages/foo")
    session.installed("foo", "notes.txt").write_text("mine\n")
    session.package("foo", version="2.0.0")
    return session


def version(session: Session, item: str = "foo") -> str:
    """The version that lies on disk, which the registry must agree with."""
    [found] = re.findall(r"^version: (\S+)$", session.installed(item, "manifest.yaml").read_text(), re.MULTILINE)
    assert session.registered()[item]["version"] == found
    return str(found)


# Lost registry entries with 2 to 8 concurrent imports

MANY: Final = """
import sys
from reconciler.cli.app import main
for package in sys.argv[1:]:
    sys.argv = ["llamagate", "import", package, "--quiet"]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


@pytest.mark.parametrize(("count", "each"), [(3, 3), pytest.param(8, 5, marks=pytest.mark.long)])
def test_concurrent_imports_lose_no_registry_entry(session: Session, count: int, each: int) -> None:
    items = [[f"item-{process}-{number}" for number in range(each)] for process in range(count)]
    for item in (item for part in items for item in part):
        session.package(item)
    processes = [session.python(MANY, *[f"packages/{item}" for item in part]) for part in items]
    assert [finished(process).code for process in processes] == [0] * count
    assert set(session.registered()) == {item for part in items for item in part}
    assert session.record()["generation"] == count * each


# An update killed half-way loses the extension

STAGING: Final = HELD.replace("roll_forward", "write_journal")


@pytest.mark.parametrize(("held", "after"), [(STAGING, "1.0.0"), (HELD, "2.0.0")], ids=["before", "behind-the-commit"])
def test_an_update_that_is_killed_half_way_loses_nothing(foo: Session, held: str, after: str) -> None:
    with foo.python(held, "import", "packages/foo", stdin=subprocess.PIPE) as importing:
        assert importing.stdout is not None
        assert importing.stdout.readline() == "held\n"
        assert foo.installed("foo", "manifest.yaml").exists()
        importing.send_signal(signal.SIGKILL)
    foo.llamagate("recover")
    assert version(foo) == after
    assert foo.installed("foo", "notes.txt").read_text() == "mine\n"
    assert list((foo.ours / "stage").glob("*")) == []


# Backups deleted on success, no restore


def test_the_backup_of_an_update_stays_and_can_be_restored(foo: Session) -> None:
    before = snapshot(foo.installed("foo"))
    foo.llamagate("import", "packages/foo")
    foo.llamagate("restore", "foo")
    assert snapshot(foo.installed("foo")) == before
    assert version(foo) == "1.0.0"


# Update resets enabled and disabled, and deletes the extension's local files


def test_an_update_keeps_a_disabled_item_disabled(foo: Session) -> None:
    foo.llamagate("disable", "foo")
    foo.llamagate("import", "packages/foo")
    assert (version(foo), foo.registered()["foo"]["enabled"]) == ("2.0.0", False)


def test_an_update_keeps_local_files(foo: Session) -> None:
    foo.llamagate("import", "packages/foo")
    assert version(foo) == "2.0.0"
    assert foo.installed("foo", "notes.txt").read_text() == "mine\n"


# Extension and module with one id destroy each other


def test_a_module_with_the_id_of_an_extension_is_refused(foo: Session) -> None:
    foo.write("packages/module/agenticmodule.yaml", MODULE.format(id="foo", version="1.0.0", extension="x"))
    before = foo.everything()
    foo.llamagate("import", "packages/module", exits=5)
    assert foo.everything() == before


# Remove deletes whatever source_path says


def test_a_removal_never_follows_source_path(foo: Session) -> None:
    precious = foo.base / "precious"
    precious.mkdir()
    (precious / "photo").write_text("irreplaceable\n")
    foo.registry.write_text(json.dumps([foo.registered()["foo"] | {"source_path": str(precious)}]))
    before = snapshot(precious)
    foo.llamagate("remove", "foo")
    assert snapshot(precious) == before
    assert not foo.installed("foo").exists()


# A corrupt registry stops every command, and sync cannot repair it

COMMANDS: Final = (
    *("list", "import packages/foo", "remove foo", "disable foo", "export foo --out out.zip", "sync"),
    *("verify", "doctor", "history", "init --from-installed"),
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("data", [b"[{", b"[null]", b""], ids=["truncated", "null", "empty"])
def test_a_corrupt_registry_stops_no_command(foo: Session, command: str, data: bytes) -> None:
    foo.registry.write_bytes(data)
    foo.llamagate(*command.split(), exits={"doctor": 1, "verify": 3}.get(command, 0))


@pytest.mark.parametrize("data", [b"[{", b"[null]", b""], ids=["truncated", "null", "empty"])
def test_sync_repairs_a_corrupt_registry(foo: Session, data: bytes) -> None:
    before = foo.registered()["foo"]
    foo.llamagate("disable", "foo")
    shutil.copytree(foo.installed("foo"), foo.installed("bar"))
    foo.edit(foo.installed("bar", "manifest.yaml"), "name: foo", "name: bar")
    foo.registry.write_bytes(data)
    foo.llamagate("sync")
    after = foo.registered()
    assert (after["foo"]["source_path"], after["foo"]["enabled"]) == (before["source_path"], False)
    assert set(after) == {"foo", "bar"}


# First-install failure leaves an orphan


def test_a_first_install_that_fails_leaves_no_orphan(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the registry cannot be written after the folder has its name, the folder goes again."""
    session.package("foo")
    real = durable.write_file

    def full(path: Path, data: bytes, **options: Any) -> None:
        if path == session.registry:
            assert session.installed("foo").exists()
            raise OSError(28, "No space left on device", str(path))
        real(path, data, **options)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write_file", full)
        session.llamagate("import", "packages/foo", exits=6)
    assert not session.installed("foo").exists()
    session.llamagate("import", "packages/foo")
    assert version(session) == "1.0.0"


# Zip bombs, 50,000 entries, duplicate and case-colliding names accepted

GOOD: Final = Entry(name="manifest.yaml", data=b"name: foo\nversion: 1.0.0\ndescription: x\ntype: observer\n")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Entry(name="zeros", data=bytes(10 << 20), deflate=True)], "unpacks to more than 200 times its "),
        ((Entry(name=f"{number}", data=b"") for number in range(50_000)), "entries"),
        ([Entry(name="a", data=b"1"), Entry(name="a", data=b"2")], "is there twice"),
        ([Entry(name="a", data=b"1"), Entry(name="A", data=b"2")], "is the same as 'a' where case"),
    ],
    ids=["bomb", "50000-entries", "duplicate", "case-colliding"],
)
def test_an_archive_that_does_harm_is_refused(session: Session, entries: Iterable[Entry], message: str) -> None:
    session.write("foo.zip", build([GOOD, *entries]))
    said = session.llamagate("import", "foo.zip", exits=1)
    assert message in said.err
    assert not (session.home / "extensions").exists()


# Checksums never verified


def test_a_checksum_that_does_not_fit_is_refused(session: Session) -> None:
    session.package("foo")
    list_checksums(session, "foo", change="# changed on the way\n")
    session.llamagate("import", zipped(session, "foo"), exits=5)
    assert not (session.home / "extensions").exists()


# A malformed extension.yaml silently ignored


@pytest.mark.parametrize("text", ["id: [\n", "id: a b\n", "enabled_default: maybe\n", "- 1\n"])
def test_a_malformed_extension_yaml_is_told(session: Session, text: str) -> None:
    session.package("foo", files={"extension.yaml": text})
    assert "packages/foo/extension.yaml:" in session.llamagate("import", "packages/foo", exits=1).err


# Every bad manifest gives one same message


def test_bad_manifests_are_told_each_by_its_own_fault_and_line(session: Session) -> None:
    good = "name: foo\nversion: 1.0.0\ndescription: x\ntype: workflow\nsteps: [{uses: a}]\n"
    bad = {
        "version: 1.0.0": "version: one",
        "type: workflow": "type: magic",
        "steps: [{uses: a}]": "steps: []",
        "name: foo": "name: f oo",
        "description: x": "descripton: x",
    }
    messages = set()
    for old, new in bad.items():
        session.write("packages/foo/manifest.yaml", good.replace(old, new))
        [fault] = session.llamagate("import", "packages/foo", "--json", exits=1).error["faults"]
        assert fault["line"]
        messages.add(fault["message"])
    assert len(messages) == len(bad)


# `export TYPE ID --out Z` in its documented order fails


def test_an_export_in_the_documented_order_works(foo: Session) -> None:
    foo.llamagate("export", "extension", "foo", "--out", "out.zip")
    assert zipfile.is_zipfile(foo.project / "out.zip")


# An export to a full disk reports success


def test_an_export_to_a_full_disk_is_a_failure(foo: Session) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    code = limit + ignore + "from reconciler.cli.app import main; main()"
    with foo.python(code, "export", "foo", "--out", "out.zip") as exporting:
        said = finished(exporting)
    assert said.code == 1
    assert said.err.endswith("out.zip: File too large; out.zip was not written\n")
    assert [path.name for path in foo.project.iterdir()] == ["packages"]


# Downgrade silent


def test_a_downgrade_is_refused_until_it_is_asked_for(foo: Session) -> None:
    foo.package("foo", version="0.5.0")
    said = foo.llamagate("import", "packages/foo", exits=5)
    assert "version 0.5.0 is older than the installed 1.0.0; --allow-downgrade permits it" in said.out
    assert version(foo) == "1.0.0"


# migrate in a wrong folder marks migration done for good


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_migration_in_a_wrong_folder_marks_nothing(session: Session, folder: str) -> None:
    (session.project / "empty").mkdir()
    session.llamagate("migrate", folder, exits=1 if folder == "missing" else 0)
    assert not (session.home / ".migration_complete").exists()
    session.write("extensions/foo/manifest.yaml", MODULE.format(id="foo", version="1.0.0", extension="x"))
    session.package("foo")
    shutil.copytree(session.project / "packages/foo", session.project / "extensions/foo", dirs_exist_ok=True)
    session.llamagate("migrate", "extensions")
    assert version(session) == "1.0.0"


# sync never corrects a version, and takes 23 times as long for five times as many items


def test_sync_corrects_a_version(foo: Session) -> None:
    foo.edit(foo.installed("foo", "manifest.yaml"), "version: 1.0.0", "version: 3.0.0")
    foo.llamagate("sync")
    assert version(foo) == "3.0.0"


def test_sync_is_linear_in_the_number_of_items(session: Session) -> None:
    """Counted in calls of functions, which unlike seconds are the same each time."""
    calls = []
    for size in (20, 40, 80):
        for number in range(size):
            if not session.installed(f"item-{number}").exists():
                formed(session, "gateway", f"item-{number}")
                shutil.copytree(session.project / f"packages/item-{number}", session.installed(f"item-{number}"))
        with counted() as count:
            session.llamagate("sync", "--dry-run")
        calls.append(count[0])
    first, second = calls[1] - calls[0], calls[2] - calls[1]
    assert second <= 2.2 * first, calls


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many functions are called inside."""
    count = [0]

    def call(*_: object) -> None:
        count[0] += 1

    sys.setprofile(call)
    try:
        yield count
    finally:
        sys.setprofile(None)


# remove, enable and disable never reload the gateway


@pytest.mark.parametrize("command", ["remove foo", "disable foo", "enable foo"])
def test_a_command_reloads_the_gateway(foo: Session, gateway: Gateway, command: str) -> None:
    if command.startswith("enable"):
        foo.llamagate("disable", "foo")
    foo.desired(f'gateway: {{url: "{gateway.url}"}}\n')
    foo.llamagate(*command.split())
    assert gateway.lines == [REFRESH, LIST]


# A moved HOME breaks every item


def test_a_moved_home_goes_on_and_sync_mends_its_paths(foo: Session) -> None:
    moved = foo.base / "moved"
    foo.home.rename(moved)
    foo.variables["LLAMAGATE_HOME"] = str(moved)
    assert [item["loadable"] for item in foo.llamagate("list", "--json").json["items"]] == [True]
    foo.llamagate("export", "foo", "--out", "out.zip")
    foo.llamagate("sync")
    [entry] = json.loads((moved / "registry/installed.json").read_bytes())
    assert entry["source_path"] == str(moved / "extensions/installed/foo")


def test_each_command_works_in_a_moved_home(foo: Session) -> None:
    moved = foo.base / "moved"
    foo.home.rename(moved)
    foo.variables["LLAMAGATE_HOME"] = str(moved)
    for command in ("disable foo", "import packages/foo", "remove foo"):
        foo.llamagate(*command.split())
    assert not (moved / "extensions/installed/foo").exists()
    assert not foo.home.exists()


# During an update a reader sees the item missing

READER: Final = """
import select, sys
missing = reads = 0
print("reading", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(200):
        reads += 1
        try:
            open(sys.argv[1]).close()
        except FileNotFoundError:
            missing += 1
print(missing, reads)
"""


def test_a_reader_never_sees_an_item_missing_during_an_update(foo: Session) -> None:
    with foo.python(READER, foo.installed("foo", "manifest.yaml"), stdin=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        for number in range(20):
            foo.package("foo", version=f"3.{number}.0")
            foo.llamagate("import", "packages/foo")
        out, err = reader.communicate("stop", timeout=30)
    missing, reads = map(int, out.split())
    assert err == ""
    assert (missing, reads > 1_000) == (0, True)
