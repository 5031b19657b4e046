"""The main job: someone edits ``llamagate.yaml``, applies it, and the home matches."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.failures import failure, refused
from tests.cli.shell import SAMPLES, Session, contents, held_apply, snapshot, stamps
from tests.conftest import PROJECT
from tests.support.packages import MANIFEST, pack

EXAMPLES = (
    "agentic-module support-desk",
    "agentic-module triage-pipeline",
    "extension meeting-notes",
    "extension priority-rules",
    "extension release-webhook",
    "extension request-audit",
    "extension sentiment-task",
    "extension ticket-triage-api",
    "extension token-budget",
)
CHANGES = "".join(
    f",?{call}"
    for call in (
        *("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2"),
        *("unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "truncate"),
        *("ftruncate", "utimensat", "write", "pwrite64", "writev", "fsync", "fdatasync", "syncfs"),
    )
).removeprefix(",")
"""The system calls that change a file system; "?": where this machine has it."""
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published packages are not beside the project")


@pytest.fixture
def examples(session: Session) -> Session:
    """The project's own examples, applied."""
    shutil.copy(PROJECT / "llamagate.yaml", session.project)
    shutil.copytree(PROJECT / "examples", session.project / "examples")
    session.llamagate("apply")
    return session


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension with a template, applied."""
    session.package("foo", files={"templates/a.txt": "one\n", "templates/b.txt": "two\n"})
    session.extensions("foo")
    session.llamagate("apply")
    return session


def writes(calls: list[str]) -> list[str]:
    """Of system calls those that changed a file; writing to a standard stream is none."""
    opened = re.compile(r"open(at2?)?\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)")
    quiet = re.compile(r"open(at2?)?\(|write\([12]<|.* = -1 E")
    return [call for call in calls if opened.match(call) or not quiet.match(call)]


# Examples and published packages


def test_examples_are_all_installed(examples: Session) -> None:
    items = examples.llamagate("list", "--json").json["items"]
    assert tuple(f"{item['kind']} {item['id']}" for item in items) == EXAMPLES
    assert {item["id"] for item in items if not item["loadable"]} == {"support-desk", "sentiment-task"}
    assert {item["id"] for item in items if not item["enabled"]} == {"release-webhook"}
    assert all(Path(item["path"]).is_dir() for item in items)
    assert set(examples.registered()) == {name.split()[1] for name in EXAMPLES}
    assert examples.llamagate("status", "--json").json["in_sync"] is True


def test_examples_are_installed_byte_for_byte_but_for_the_config_block(examples: Session) -> None:
    source = examples.project / "examples" / "extensions"
    for item in ("meeting-notes", "priority-rules", "token-budget"):
        assert contents(examples.installed(item)) == contents(source / item)
    audit = contents(examples.installed("request-audit"))
    changed = {path for path, data in contents(source / "request-audit").items() if audit[path] != data}
    assert changed == {"manifest.yaml"}
    assert b"sample_rate: 0.25" in audit["manifest.yaml"]
    webhook = contents(examples.installed("release-webhook"))
    assert webhook["manifest.yaml"] == webhook["extension.yaml"]


def test_lock_in_the_project_is_what_an_apply_writes(examples: Session) -> None:
    assert (examples.project / "llamagate.lock.yaml").read_bytes() == (PROJECT / "llamagate.lock.yaml").read_bytes()


def test_second_apply_of_the_examples_has_nothing_to_do(examples: Session) -> None:
    before = examples.everything()
    said = examples.llamagate("apply", "--json")
    assert (said.json["changes"], said.json["generation"]) == (False, 1)
    assert said.err == ""
    assert examples.everything() == before


def test_a_later_apply_writes_nothing_but_the_line_in_the_lock(examples: Session) -> None:
    time.sleep(2.1)  # until then stamps are too new to be trusted, and after it the first pass keeps their digest
    examples.llamagate("apply")
    found = writes(examples.traced("apply", "--quiet", calls=CHANGES))
    lock = re.escape(str(examples.ours / "lock"))
    assert len(found) == 3, found
    for call, wanted in zip(
        found, (rf'openat\(.*"{lock}", O_RDWR\|O_CREAT', rf"ftruncate\(\d+<{lock}>, 0", r"write\("), strict=True
    ):
        assert re.match(wanted, call), call


@needs_samples
def test_published_packages_are_all_installed(session: Session) -> None:
    names = sorted(path.name for path in SAMPLES.iterdir() if path.name != "builtin")
    assert len(names) == 18
    builtin = f"  extension-doc-generator: {SAMPLES}/builtin/extension-doc-generator\n"
    listed = "extensions:\n" + "".join(f"  {name}: {SAMPLES}/{name}\n" for name in names) + builtin
    session.desired(listed)
    assert refused(session, "apply") == ["extension-doc-generator builtin"]
    assert not (session.home / "extensions").exists()

    session.desired("policy: {allow_builtin: [extension-doc-generator]}\n" + listed)
    assert {action["action"] for action in session.plan()["actions"]} == {"install"}
    assert session.llamagate("apply", "--json").json["generation"] == 1
    assert set(session.registered()) == {*names, "extension-doc-generator"}
    for name in names:
        installed, published = contents(session.installed(name)), contents(SAMPLES / name)
        assert published.items() <= installed.items()
        assert set(installed) - set(published) == ({"manifest.yaml"} if name == "github-webhook-receiver" else set())
    before = session.everything()
    assert session.llamagate("apply", "--json").json["changes"] is False
    assert session.everything() == before


def test_a_zip_of_an_example_is_the_same_package(examples: Session) -> None:
    folder = examples.project / "examples" / "extensions" / "meeting-notes"
    pack(folder, examples.project / "notes.zip", top="meeting-notes-1.2.0/")
    examples.edit("llamagate.yaml", "./examples/extensions/meeting-notes", "notes.zip")
    locked = (examples.project / "llamagate.lock.yaml").read_text()
    assert examples.actions() == []
    examples.llamagate("apply")
    changed = set((examples.project / "llamagate.lock.yaml").read_text().splitlines()) - set(locked.splitlines())
    assert changed == {'    source: "notes.zip"'}
    assert re.search(
        rf"^extension +meeting-notes .* {examples.project}/notes\.zip$", examples.llamagate("list").out, re.M
    )
    assert examples.record()["generation"] == 1


def test_a_moved_source_is_noted_beside_other_changes(session: Session) -> None:
    session.extensions("foo", "bar")
    session.llamagate("apply")
    session.package("bar", version="2.0.0")
    (session.project / "packages" / "foo").rename(session.project / "foo")
    session.edit("llamagate.yaml", "./packages/foo", "./foo")
    assert session.actions() == ["update bar"]
    session.llamagate("apply")
    assert f" {session.project}/foo\n" in session.llamagate("list").out


# Exactly that action


def test_a_new_version_is_an_update(examples: Session) -> None:
    manifest = "examples/extensions/meeting-notes/manifest.yaml"
    examples.edit(manifest, "version: 1.2.0", "version: 1.3.0")
    assert examples.actions() == ["update meeting-notes"]
    [action] = examples.llamagate("apply", "--json").json["actions"]
    assert (action["action"], action["from_version"], action["to_version"]) == ("update", "1.2.0", "1.3.0")
    assert examples.registered()["meeting-notes"]["version"] == "1.3.0"
    assert b"version: 1.3.0" in (examples.installed("meeting-notes") / "manifest.yaml").read_bytes()
    examples.edit(manifest, "version: 1.3.0", "version: 1.1.0")
    assert examples.actions() == ["downgrade meeting-notes"]


def test_a_changed_config_value_is_a_configure(examples: Session) -> None:
    examples.edit("llamagate.yaml", "sample_rate: 0.25", "sample_rate: 0.5")
    assert examples.actions() == ["configure request-audit"]
    [action] = examples.plan()["actions"]
    assert action["diff"]["manifest"]["changed"] == {"config.sample_rate": [0.25, 0.5]}
    before = contents(examples.installed("request-audit"))
    examples.llamagate("apply")
    after = contents(examples.installed("request-audit"))
    assert _changed_lines(before["manifest.yaml"], after["manifest.yaml"]) == [
        (b"  sample_rate: 0.25", b"  sample_rate: 0.5")
    ]


def test_config_taken_out_restores_the_bytes_of_the_package(examples: Session) -> None:
    text = (examples.project / "llamagate.yaml").read_text()
    start, end = text.index("    config:\n"), text.index("  release-webhook:")
    (examples.project / "llamagate.yaml").write_text(text[:start] + "\n" + text[end:])
    assert examples.actions() == ["configure request-audit"]
    examples.llamagate("apply")
    package = examples.project / "examples" / "extensions" / "request-audit"
    assert contents(examples.installed("request-audit")) == contents(package)


@pytest.mark.parametrize(
    ("old", "new", "action"),
    [
        ("enabled: false", "enabled: true", "enable release-webhook"),
        ("enabled: true", "enabled: false", "disable priority-rules"),
    ],
    ids=["enable", "disable"],
)
def test_an_enabled_that_changes(examples: Session, old: str, new: str, action: str) -> None:
    examples.edit("llamagate.yaml", f"    {old}\n", f"    {new}\n")
    item = action.split()[1]
    files = snapshot(examples.installed(item))
    assert examples.actions() == [action]
    examples.llamagate("apply")
    assert examples.registered()[item]["enabled"] is (new == "enabled: true")
    assert snapshot(examples.installed(item)) == files


def test_a_removed_line_is_a_removal_with_a_backup(examples: Session) -> None:
    examples.edit("llamagate.yaml", "  sentiment-task: ./examples/extensions/sentiment-task\n", "")
    files = contents(examples.installed("sentiment-task"))
    assert examples.actions() == ["remove sentiment-task"]
    examples.llamagate("apply")
    assert not examples.installed("sentiment-task").exists()
    assert "sentiment-task" not in examples.registered()
    assert contents(examples.ours / "backups" / "extension" / "sentiment-task" / "2") == files


def test_where_the_file_is_silent_the_registry_decides(foo: Session) -> None:
    entries = list(foo.registered().values())
    entries[0]["enabled"] = False
    foo.registry.write_text(json.dumps(entries))
    assert foo.actions() == []
    foo.package("foo", version="1.1.0")
    foo.llamagate("apply")
    assert foo.registered()["foo"]["enabled"] is False


# Drift


def test_a_deleted_folder_is_drift_and_healed(foo: Session) -> None:
    files = snapshot(foo.installed("foo"))
    shutil.rmtree(foo.installed("foo"))
    plan = foo.plan()
    assert plan["drift"] == [{"kind": "extension", "id": "foo", "path": ".", "change": "missing"}]
    assert [action["action"] for action in plan["actions"]] == ["repair"]
    assert [action["action"] for action in foo.llamagate("apply", "--json").json["actions"]] == ["repair"]
    assert snapshot(foo.installed("foo")) == files
    assert foo.llamagate("status", "--json").json["in_sync"] is True


def test_a_deleted_file_is_drift_and_healed(foo: Session) -> None:
    (foo.installed("foo") / "templates" / "a.txt").unlink()
    assert foo.plan()["drift"] == [{"kind": "extension", "id": "foo", "path": "templates/a.txt", "change": "missing"}]
    foo.llamagate("apply")
    assert foo.installed("foo", "templates/a.txt").read_text() == "one\n"


def test_an_edited_file_is_drift_reported_and_survives_an_apply(foo: Session) -> None:
    edited = foo.installed("foo", "templates/a.txt")
    edited.write_text("mine\n")
    assert foo.plan()["drift"] == [{"kind": "extension", "id": "foo", "path": "templates/a.txt", "change": "edited"}]
    done = foo.llamagate("apply", "--json").json
    assert (done["changes"], done["generation"], [row["path"] for row in done["drift"]]) == (
        False,
        1,
        ["templates/a.txt"],
    )
    assert edited.read_text() == "mine\n"


def test_an_edited_file_survives_an_update_of_other_files(foo: Session) -> None:
    foo.installed("foo", "templates/a.txt").write_text("mine\n")
    foo.package("foo", version="1.1.0", files={"templates/b.txt": "new\n"})
    foo.llamagate("apply")
    assert foo.installed("foo", "templates/a.txt").read_text() == "mine\n"
    assert foo.installed("foo", "templates/b.txt").read_text() == "new\n"
    assert [row["path"] for row in foo.plan()["drift"]] == ["templates/a.txt"]


def test_an_update_of_the_same_file_is_a_conflict_and_nothing_changes(foo: Session) -> None:
    foo.installed("foo", "templates/a.txt").write_text("mine\n")
    foo.package("foo", version="1.1.0", files={"templates/a.txt": "theirs\n"})
    before = foo.everything()
    assert refused(foo, "apply") == ["foo conflict"]
    assert foo.everything() == before
    [refusal] = foo.plan()["refusals"]
    assert (refusal["kind"], refusal["id"], refusal["code"]) == ("extension", "foo", "conflict")
    assert "templates/a.txt" in refusal["message"]
    assert "--overwrite" in refusal["message"]


def test_overwrite_takes_the_file_of_the_package_and_keeps_the_other(foo: Session) -> None:
    foo.installed("foo", "templates/a.txt").write_text("mine\n")
    foo.package("foo", version="1.1.0", files={"templates/a.txt": "theirs\n"})
    foo.llamagate("apply", "--overwrite")
    assert foo.installed("foo", "templates/a.txt").read_text() == "theirs\n"
    assert (foo.ours / "backups/extension/foo/2/templates/a.txt").read_text() == "mine\n"
    assert foo.llamagate("status", "--json").json["in_sync"] is True


def test_a_local_file_where_the_package_brings_one_is_a_conflict(foo: Session) -> None:
    foo.installed("foo", "notes.txt").write_text("mine\n")
    foo.package("foo", version="1.1.0", files={"notes.txt": "theirs\n"})
    assert [row["code"] for row in foo.plan()["refusals"]] == ["conflict"]
    foo.llamagate("apply", "--overwrite")
    assert foo.installed("foo", "notes.txt").read_text() == "theirs\n"
    assert (foo.ours / "backups/extension/foo/2/notes.txt").read_text() == "mine\n"


# Local files

WRITER = """
import sys
with open(sys.argv[1], "ab", buffering=0) as log:
    for line in sys.stdin.buffer:
        log.write(line)
        print("written", flush=True)
"""


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program that keeps ``path`` open and appends each line that it is given."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def append(running: subprocess.Popen[str], line: str) -> None:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(line)
    running.stdin.flush()
    assert running.stdout.readline() == "written\n"


def test_local_files_survive_an_update_byte_for_byte(foo: Session) -> None:
    blob = bytes(range(256)) * 1000
    folder = foo.installed("foo")
    (folder / "state" / "deep").mkdir(parents=True)
    (folder / "state" / "deep" / "db.bin").write_bytes(blob)
    (folder / "state" / "deep" / "db.bin").chmod(0o640)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("state/deep/db.bin")
    os.utime(folder / "state" / "deep" / "db.bin", ns=(1, 1))
    foo.package("foo", version="2.0.0")
    foo.llamagate("apply")
    found = folder / "state" / "deep" / "db.bin"
    assert found.read_bytes() == blob
    assert (found.stat().st_mode & 0o777, found.stat().st_mtime_ns) == (0o640, 1)
    assert (folder / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (folder / "latest").readlink() == Path("state/deep/db.bin")
    assert foo.plan()["drift"] == []


def test_a_program_goes_on_writing_into_its_open_file(foo: Session) -> None:
    log = foo.installed("foo", "var/run.log")
    log.parent.mkdir()
    with writer(log) as program:
        append(program, "before\n")
        foo.package("foo", version="2.0.0")
        foo.llamagate("apply")
        append(program, "after\n")
    assert log.read_text() == "before\nafter\n"


def test_local_files_go_to_the_backup_when_the_item_is_removed(foo: Session) -> None:
    foo.installed("foo", "mine.txt").write_text("mine\n")
    foo.desired("extensions: {}\n")
    foo.llamagate("apply")
    assert not foo.installed("foo").exists()
    assert (foo.ours / "backups/extension/foo/2/mine.txt").read_text() == "mine\n"


def test_a_file_that_the_program_itself_edits_is_never_drift(session: Session) -> None:
    session.package("foo", files={"var/state.json": "{}\n"})
    session.extensions("foo")
    session.llamagate("apply")
    session.installed("foo", "var/state.json").write_text('{"n": 1}\n')
    assert session.plan()["drift"] == []
    session.package("foo", version="2.0.0", files={"var/state.json": '{"version": 2}\n'})
    session.llamagate("apply")
    assert session.installed("foo", "var/state.json").read_text() == '{"n": 1}\n'


# The first apply


def test_first_apply_makes_the_home(session: Session) -> None:
    session.extensions("foo")
    assert not session.home.exists()
    assert session.plan()["generation"] == 0
    assert not session.home.exists()
    said = session.llamagate("apply")
    assert "generation 1" in said.out.splitlines()[-1]
    assert "llamagate.lock.yaml" in said.err
    assert len(said.err.splitlines()) == 1
    assert sorted(path.name for path in session.ours.iterdir()) == [
        "cache",
        "generations",
        "lock",
        "record",
        "record.json",
        "stage",
    ]
    assert list((session.ours / "stage").iterdir()) == []
    assert session.installed("foo").stat().st_mode & 0o777 == 0o755
    assert session.installed("foo", "manifest.yaml").stat().st_mode & 0o777 == 0o644


def test_a_narrow_umask_does_not_hide_files_from_the_gateway(session: Session) -> None:
    session.extensions("foo")
    session.in_process("apply", umask=0o077)
    files = [session.installed("foo", "manifest.yaml"), session.registry]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o644, 0o644]


def test_modules_come_after_their_extensions_and_go_before_them(session: Session) -> None:
    session.package("zeta")
    session.module("alpha", "zeta")
    session.desired("extensions: {zeta: ./packages/zeta}\nmodules: {alpha: ./packages/alpha}\n")
    assert session.actions() == ["install zeta", "install alpha"]
    session.llamagate("apply")
    session.desired("{}\n".replace("{}", ""))
    assert session.actions() == ["remove alpha", "remove zeta"]


def test_what_a_package_marks_executable_stays_so(session: Session) -> None:
    session.package("foo", files={"bin/tool": "#!/bin/sh\n"})
    (session.project / "packages/foo/bin/tool").chmod(0o744)
    session.extensions("foo")
    session.llamagate("apply")
    assert session.installed("foo", "bin/tool").stat().st_mode & 0o777 == 0o755


def test_a_linked_home_is_followed_and_stays_a_link(session: Session) -> None:
    (session.base / "disk").mkdir()
    session.home.symlink_to("disk")
    session.extensions("foo")
    session.llamagate("apply")
    assert session.home.is_symlink()
    assert (session.base / "disk" / "extensions" / "installed" / "foo").is_dir()
    assert session.registered()["foo"]["source_path"] == str(session.installed("foo")).rstrip("/")


# Values from the environment

AWKWARD = 'hunter2"\\tail\n'
"""A value that YAML must quote and escape."""


@pytest.fixture
def tokened(session: Session) -> Session:
    """An extension whose token comes from the environment."""
    session.package("foo")
    session.desired("extensions:\n  foo:\n    source: ./packages/foo\n    config: {token: {env: FOO_TOKEN}}\n")
    return session


def test_a_missing_variable_is_named_with_its_line(tokened: Session) -> None:
    for verb in ("plan", "apply"):
        failed = failure(tokened, verb)
        assert failed.places == ["llamagate.yaml:5:14 extensions.foo.config.token"]
        assert "FOO_TOKEN" in failed.message
    assert not (tokened.home / "extensions").exists()


def test_a_value_from_the_environment_is_in_the_manifest_alone(tokened: Session) -> None:
    said = []
    for value in ("first-hunter2", AWKWARD):
        tokened.variables |= {"FOO_TOKEN": value}
        said += [tokened.llamagate("plan", "--out", "plan.json"), tokened.llamagate("plan", "--json")]
        said += [tokened.llamagate("apply", "--json"), tokened.llamagate("status", "--json")]
    manifest = tokened.installed("foo", "manifest.yaml")
    assert json.dumps(AWKWARD) in manifest.read_text()
    assert manifest.stat().st_mode & 0o777 == 0o600
    assert not [result for result in said if "hunter2" in result.out + result.err]
    holding = [
        path for path, (_, data) in tokened.everything().items() if isinstance(data, bytes) and b"hunter2" in data
    ]
    assert holding == [str(manifest), str(tokened.ours / "backups/extension/foo/2/manifest.yaml")]
    assert Path(holding[1]).stat().st_mode & 0o777 == 0o600


def test_a_changed_value_is_a_configure_that_does_not_show_it(tokened: Session) -> None:
    tokened.variables |= {"FOO_TOKEN": "one"}
    tokened.llamagate("apply")
    assert tokened.actions() == []
    tokened.variables |= {"FOO_TOKEN": "two"}
    [action] = tokened.plan()["actions"]
    assert action["diff"]["manifest"]["changed"] == {"config.token": ["(hidden)", "(hidden)"]}
    assert tokened.actions() == ["configure foo"]
    tokened.llamagate("apply")
    assert b"token: two\n" in tokened.installed("foo", "manifest.yaml").read_bytes()


def test_other_files_of_a_package_with_secrets_stay_readable(tokened: Session) -> None:
    tokened.variables |= {"FOO_TOKEN": "one"}
    tokened.package("foo", files={"a.txt": "a\n"})
    tokened.llamagate("apply")
    assert tokened.installed("foo", "a.txt").stat().st_mode & 0o777 == 0o644


# Whose items


def test_something_unmanaged_in_the_way_is_refused_until_it_is_taken_over(session: Session) -> None:
    session.package("foo")
    _place(session, "foo", MANIFEST.format(id="foo", version="0.9.0"), {"mine.txt": "mine\n", "var/log": "log\n"})
    session.extensions("foo")
    before = session.everything()
    assert refused(session, "apply") == ["foo unowned"]
    assert {**session.everything(), str(session.ours): before.get(str(session.ours))} == {
        **before,
        str(session.ours): before.get(str(session.ours)),
    }
    session.llamagate("apply", "--take-over", "foo")
    assert contents(session.installed("foo")).keys() == {"manifest.yaml", "var/log"}
    assert (session.ours / "backups/extension/foo/1/mine.txt").read_text() == "mine\n"
    assert session.registered()["foo"]["version"] == "1.0.0"


def test_the_same_files_already_there_are_adopted_and_not_touched(session: Session) -> None:
    session.package("foo")
    _place(session, "foo", MANIFEST.format(id="foo", version="1.0.0"), {"local.txt": "local\n"})
    before = stamps(session.installed("foo"))
    session.extensions("foo")
    assert session.actions() == ["adopt foo"]
    session.llamagate("apply")
    assert stamps(session.installed("foo")) == before
    assert session.record()["items"][0]["owner"] == "default"
    assert session.llamagate("status", "--json").json["in_sync"] is True


def test_another_owners_item_is_refused(foo: Session) -> None:
    foo.desired("owner: team-b\nextensions: {foo: ./packages/foo}\n", name="b.yaml")
    assert refused(foo, "apply", "-f", "b.yaml") == ["foo unowned"]
    [refusal] = foo.plan("-f", "b.yaml")["refusals"]
    assert "'default'" in refusal["message"]
    assert "--take-over foo" in refusal["message"]
    foo.llamagate("apply", "-f", "b.yaml", "--take-over", "foo")
    assert foo.record()["items"][0]["owner"] == "team-b"


def test_items_of_another_owner_are_never_removed(foo: Session) -> None:
    foo.desired("owner: team-b\nextensions: {}\n", name="b.yaml")
    assert foo.actions("-f", "b.yaml") == []


def test_two_files_without_an_owner_do_not_remove_each_others_items(foo: Session) -> None:
    foo.desired("extensions: {}\n", name="other.yaml")
    assert refused(foo, "apply", "-f", "other.yaml") == ["foo other-file"]
    [refusal] = foo.plan("-f", "other.yaml")["refusals"]
    assert str(foo.project / "llamagate.yaml") in refusal["message"]
    assert "--take-over-all" in refusal["message"]
    assert foo.installed("foo").exists()
    foo.llamagate("apply", "-f", "other.yaml", "--take-over-all")
    assert not foo.installed("foo").exists()


def test_prune_guard_stops_a_file_that_lost_most_of_its_items(session: Session) -> None:
    session.extensions("a", "b", "c", "d", "e")
    session.llamagate("apply")
    session.extensions("a", "b")
    before = session.everything()
    assert refused(session, "apply") == ["c prune-guard"]
    assert session.everything() == before
    done = session.llamagate("apply", "--allow-prune", "--json").json
    assert [f"{action['action']} {action['id']}" for action in done["actions"]] == ["remove e", "remove d", "remove c"]
    assert set(session.registered()) == {"a", "b"}


def test_prune_never_keeps_what_is_no_longer_listed(foo: Session) -> None:
    foo.desired("policy: {prune: never}\nextensions: {}\n")
    said = foo.llamagate("apply")
    assert "no longer in the file, but kept because policy.prune is 'never': foo" in said.out
    assert foo.installed("foo").exists()


# The lock


def test_locked_refuses_what_the_lock_does_not_know(foo: Session) -> None:
    foo.package("foo", version="1.1.0")
    before = foo.everything()
    for verb in ("plan", "apply"):
        failed = failure(foo, verb, "--locked", exits=4)
        assert failed.code == "lock-stale"
        assert re.search(r"llamagate\.lock\.yaml.* foo: .*1\.0\.0.*1\.1\.0", failed.message)
    assert foo.everything() == before
    foo.llamagate("lock")
    foo.llamagate("apply", "--locked")
    assert foo.registered()["foo"]["version"] == "1.1.0"


def test_renewing_one_entry_touches_no_other(session: Session) -> None:
    session.extensions("a", "b", "c")
    session.llamagate("apply")
    before = (session.project / "llamagate.lock.yaml").read_text()
    session.package("b", version="1.1.0")
    session.llamagate("apply")
    after = (session.project / "llamagate.lock.yaml").read_text()
    assert re.findall("1.1.0", after) == ["1.1.0"]
    assert _entries(after)["a"] == _entries(before)["a"]
    assert _entries(after)["c"] == _entries(before)["c"]


def test_lock_is_the_same_bytes_whoever_writes_it(session: Session) -> None:
    session.extensions("b", "a")
    said = session.llamagate("lock", "--json").json
    assert (said["changed"], [line.partition(":")[0] for line in said["stale"]]) == (True, ["a", "b"])
    assert not session.home.exists()
    first = (session.project / "llamagate.lock.yaml").read_bytes()
    (session.project / "llamagate.lock.yaml").unlink()
    session.extensions("a", "b")
    session.llamagate("apply")
    assert (session.project / "llamagate.lock.yaml").read_bytes() == first
    assert session.llamagate("lock", "--json").json == {"lock": "llamagate.lock.yaml", "changed": False, "stale": []}


def test_tree_in_the_lock_is_the_documented_digest(session: Session) -> None:
    session.package("foo", files={"é/ü.txt": "x", "Z.txt": "y", ".DS_Store": "junk", "checksums.txt": ""})
    folder = session.project / "packages" / "foo"
    (folder / "checksums.txt").unlink()
    session.extensions("foo")
    session.llamagate("lock")
    paths = ["Z.txt", "manifest.yaml", "é/ü.txt"]
    lines = [f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n" for path in paths]
    tree = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert f'tree: "sha256:{tree}"' in (session.project / "llamagate.lock.yaml").read_text()


# A saved plan


def test_a_saved_plan_is_carried_out(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    assert session.llamagate("apply", "plan.json", "--json").json["generation"] == 1
    assert [*session.registered()] == ["foo"]


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda session: session.package("foo", version="1.0.1"),
        lambda session: session.package("foo", files={"new.txt": "x"}),
        lambda session: session.extensions("foo", "bar"),
        lambda session: session.desired("extensions: {foo: {source: ./packages/foo, enabled: false}}\n"),
        lambda session: session.desired("extensions: {foo: {source: ./packages/foo, config: {interval: 6}}}\n"),
        lambda session: _place(session, "foo", MANIFEST.format(id="foo", version="1.0.0"), {}),
        lambda session: session.llamagate("apply"),
    ],
    ids=["version", "file", "item", "enabled", "config", "home", "applied"],
)
def test_a_saved_plan_is_stale_when_something_changed_meanwhile(session: Session, meanwhile: object) -> None:
    assert callable(meanwhile)
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    meanwhile(session)
    assert failure(session, "apply", "plan.json", exits=9).code == "plan-stale"


@pytest.mark.parametrize("place", ["plan.json", "out/plan.json"])
def test_a_saved_plan_moves_with_its_project(session: Session, place: str) -> None:
    session.package("foo")
    session.write("key", "hidden\n")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {file: key}}}}\n")
    (session.project / "out").mkdir()
    session.llamagate("plan", "--out", place)
    moved = session.base / "elsewhere"
    session.project.rename(moved)
    session.project.mkdir()
    assert session.llamagate("apply", moved / place, "--json").json["generation"] == 1
    assert failure(session, "apply", moved / place, exits=9).code == "plan-stale"


@pytest.mark.parametrize("changed", ["packages/foo/manifest.yaml", "key"])
def test_a_saved_plan_that_moved_and_changed_is_stale(session: Session, changed: str) -> None:
    session.package("foo")
    session.write("key", "hidden\n")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {file: key}}}}\n")
    session.llamagate("plan", "--out", "plan.json")
    session.write(changed, (session.project / changed).read_text().replace("hidden", "other") + "# more\n")
    moved = session.base / "elsewhere"
    session.project.rename(moved)
    session.project.mkdir()
    assert failure(session, "apply", moved / "plan.json", exits=9).code == "plan-stale"


def test_a_saved_plan_alone_elsewhere_takes_the_file_by_name(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    plan = (session.project / "plan.json").rename(session.base / "plan.json")
    (session.project / "llamagate.yaml").rename(session.project / "other.yaml")
    assert "no such file" in session.llamagate("apply", plan, exits=1).err
    session.llamagate("apply", plan, "-f", "other.yaml")
    (session.project / "other.yaml").rename(session.project / "llamagate.yaml")
    assert failure(session, "apply", plan, exits=9).code == "plan-stale"


def test_a_saved_plan_alone_elsewhere_takes_the_file_of_this_folder(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    plan = (session.project / "plan.json").rename(session.base / "plan.json")
    session.llamagate("apply", plan)


def test_a_saved_plan_far_from_its_file_names_it_wholly(session: Session) -> None:
    session.extensions("foo")
    (session.base / "plans").mkdir()
    session.llamagate("plan", "--out", session.base / "plans" / "plan.json")
    session.llamagate("apply", session.base / "plans" / "plan.json")


def test_a_saved_plan_whose_actions_were_edited_is_stale(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    foo.llamagate("plan", "--out", "plan.json")
    foo.edit("plan.json", '"to_version": "2.0.0"', '"to_version": "1.0.1"')
    assert failure(foo, "apply", "plan.json", exits=9).code == "plan-stale"
    assert foo.registered()["foo"]["version"] == "1.0.0"


def test_a_saved_plan_remembers_how_it_was_made(foo: Session) -> None:
    foo.installed("foo", "manifest.yaml").write_text("mine\n")
    foo.package("foo", version="1.1.0")
    foo.llamagate("plan", "--overwrite", "--out", "plan.json")
    foo.llamagate("apply", "plan.json")
    assert foo.registered()["foo"]["version"] == "1.1.0"


@pytest.mark.parametrize("flag", ["--overwrite", "--allow-prune", "--only=foo", "--take-over=foo", "--locked"])
def test_a_saved_plan_takes_no_other_options(session: Session, flag: str) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    failed = failure(session, "apply", "plan.json", flag, exits=64)
    assert failed.code == "usage"
    assert "saved plan" in failed.message


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (b"", ["plan.json:1:1"]),
        (b"{", ["plan.json:1:2"]),
        (b"[]", ["plan.json:1:1"]),
        (b"null", ["plan.json:1:1"]),
        (b"{}", ["plan.json:1:1"] * 7),
        (b"\xff\xfe{}", ["plan.json:1:1"]),
        (b"apiVersion: llamagate/v1\n", ["plan.json:1:1"]),
    ],
    ids=["empty", "cut", "list", "null", "mapping", "utf-16", "yaml"],
)
def test_garbage_for_a_saved_plan(session: Session, content: bytes, places: list[str]) -> None:
    session.extensions("foo")
    session.write("plan.json", content)
    failed = failure(session, "apply", "plan.json")
    assert (failed.code, failed.places) == ("malformed", places)
    assert not session.home.exists()


@pytest.mark.parametrize("key", ["file", "only", "options"])
def test_a_saved_plan_without_a_part_is_refused(session: Session, key: str) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    document = json.loads((session.project / "plan.json").read_text())
    del document[key]
    session.write("plan.json", json.dumps(document))
    failed = failure(session, "apply", "plan.json")
    assert (failed.code, failed.places) == ("malformed", ["plan.json"])


@pytest.mark.parametrize(
    "options",
    [{}, {"take_over": 5}, {"locked": "yes"}, {"take_over": [1]}, {"frob": True}],
    ids=["empty", "number", "text", "list", "unknown"],
)
def test_a_saved_plan_with_other_options_is_refused(session: Session, options: dict[str, object]) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    document = json.loads((session.project / "plan.json").read_text())
    document["options"] = {**document["options"], **options} if options else {}
    session.write("plan.json", json.dumps(document))
    failed = failure(session, "apply", "plan.json")
    assert (failed.code, failed.places) == ("malformed", ["plan.json"])


@pytest.mark.parametrize(
    ("file", "place"),
    [("", "."), ("/", "/"), ("a\0b", "plan.json")],
    ids=["empty", "root", "nul"],
)
def test_a_saved_plan_of_no_file_is_refused(session: Session, file: str, place: str) -> None:
    session.extensions("foo")
    session.llamagate("plan", "--out", "plan.json")
    document = json.loads((session.project / "plan.json").read_text())
    session.write("plan.json", json.dumps({**document, "file": file}))
    assert failure(session, "apply", "plan.json").places == [place]


def test_output_of_plan_json_is_no_saved_plan(session: Session) -> None:
    session.extensions("foo")
    session.write("plan.json", session.llamagate("plan", "--json").out)
    failed = failure(session, "apply", "plan.json")
    assert (failed.code, failed.places) == ("malformed", ["plan.json"])
    assert "'plan --json'" in failed.message


# A part of it


def test_only_brings_an_item_with_what_it_needs_and_removes_nothing(session: Session) -> None:
    session.extensions("gone", "other", "zeta")
    session.llamagate("apply", "--only", "gone")
    assert set(session.registered()) == {"gone"}
    session.module("alpha", "zeta")
    session.desired(
        "extensions: {other: ./packages/other, zeta: ./packages/zeta}\nmodules: {alpha: ./packages/alpha}\n"
    )
    done = session.llamagate("apply", "--only", "alpha", "--json").json
    assert (done["generation"], [action["action"] for action in done["actions"]]) == (2, ["install", "install"])
    assert set(session.registered()) == {"alpha", "gone", "zeta"}
    assert 'id: "other"' not in (session.project / "llamagate.lock.yaml").read_text()


def test_only_reads_no_other_source(session: Session) -> None:
    session.extensions("foo", "bar")
    shutil.rmtree(session.project / "packages" / "bar")
    session.llamagate("plan", exits=1)
    assert session.actions("--only", "foo") == ["install foo"]


def test_only_of_an_unknown_item_is_an_error_with_a_suggestion(foo: Session) -> None:
    assert "'foo'?" in failure(foo, "apply", "--only", "fooo").message


# Another file


def test_a_file_elsewhere_has_its_lock_and_its_packages_beside_it(session: Session) -> None:
    session.package("foo")
    (session.project / "team").mkdir()
    (session.project / "packages").rename(session.project / "team" / "packages")
    session.desired("extensions: {foo: ./packages/foo}\n", name="team/prod.yaml")
    session.llamagate("apply", "-f", "team/prod.yaml")
    assert 'source: "./packages/foo"' in (session.project / "team" / "prod.lock.yaml").read_text()


# What changes inside


def test_a_plan_shows_what_changes_inside_a_package(foo: Session) -> None:
    manifest = "packages/foo/manifest.yaml"
    foo.package("foo", version="1.1.0", files={"templates/c.txt": "three\n"})
    (foo.project / "packages/foo/templates/a.txt").unlink()
    foo.edit(manifest, "  - uses: llm.chat\n", "  - uses: llm.chat\n    with: {model: big}\n")
    foo.edit(manifest, "  interval: 5\n", "  interval: 6\n")
    [action] = foo.plan()["actions"]
    assert action["diff"]["manifest"] == {
        "changed": {"config.interval": [5, 6], "version": ["1.0.0", "1.1.0"]},
        "added": {"steps[0].with": {"model": "big"}},
    }
    assert [(file["path"], file["change"]) for file in action["diff"]["files"]] == [
        ("manifest.yaml", "changed"),
        ("templates/a.txt", "removed"),
        ("templates/c.txt", "added"),
    ]


def test_verbose_apply_shows_what_changed_inside(foo: Session) -> None:
    foo.package("foo", version="1.1.0")
    assert "      ~ manifest.yaml (+1 -1)\n" in foo.llamagate("apply", "-v").out


def test_values_whose_key_sounds_secret_are_hidden_in_a_plan(foo: Session) -> None:
    foo.edit("packages/foo/manifest.yaml", "token: none", "token: s3cr3t-in-the-package")
    said = foo.llamagate("plan")
    assert "~ config.token: changed (hidden)" in said.out
    assert "s3cr3t" not in said.out + json.dumps(foo.plan())


# Interrupted


def test_ctrl_c_before_the_commit_changes_nothing(foo: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    foo.package("foo", version="2.0.0")
    before = foo.everything()
    monkeypatch.setattr("reconciler.fs.tree.create_file", interrupted)
    foo.llamagate("apply", exits=130)
    assert foo.everything() == before


def test_ctrl_c_behind_the_commit_is_finished_by_the_next_command(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    with held_apply(foo) as running:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130
    foo.llamagate("apply")
    assert foo.registered()["foo"]["version"] == "2.0.0"


# All of it or nothing


def test_one_bad_package_stops_all_of_it(session: Session) -> None:
    session.extensions("a", "b")
    session.edit("packages/b/manifest.yaml", "type: workflow", "type: workflw")
    assert failure(session, "apply").places == [
        "llamagate.yaml:4:3 extensions.b",
        "./packages/b/manifest.yaml:4:1 type",
    ]
    assert not (session.home / "extensions").exists()


def test_all_refusals_are_listed_at_once(session: Session) -> None:
    for item in ("a", "b"):
        _place(session, item, "name: x\n", {})
    session.extensions("a", "b")
    session.desired(
        "extensions: {a: ./packages/a, b: ./packages/b, c: {source: ./packages/a, depends_on: [d]}}\n", name="x.yaml"
    )
    assert [row["id"] for row in session.plan()["refusals"]] == ["a", "b"]
    assert refused(session, "apply") == ["a unowned", "b unowned"]


def test_a_full_staging_area_changes_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.extensions("foo")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/some/where")

    monkeypatch.setattr("reconciler.fs.tree.create_file", full)
    said = session.llamagate("apply", exits=1)
    assert ": No space left on device; nothing was changed\n" in said.err
    assert not session.installed("foo").exists()
    assert not (session.project / "llamagate.lock.yaml").exists()
    monkeypatch.undo()


def _changed_lines(before: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=True)
    return [pair for pair in pairs if pair[0] != pair[1]]


def _entries(lock: str) -> dict[str, str]:
    parts = re.split(r"^  - ", lock, flags=re.MULTILINE)[1:]
    return {re.findall(r'id: "(.*)"', part)[0]: part for part in parts}


def _place(session: Session, item: str, manifest: str, files: dict[str, str]) -> None:
    """Install an extension as another tool does: files, and no word to us."""
    for path, content in {"manifest.yaml": manifest, **files}.items():
        session.write(str(session.installed(item, path)), content)


def test_an_adopted_package_is_kept_although_its_files_are_not_written(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: ./packages/foo}\n")
    shutil.copytree(session.project / "packages/foo", session.home / "extensions/installed/foo")
    assert session.actions() == ["adopt foo"]
    session.llamagate("apply")
    shutil.rmtree(session.project / "packages")
    with (session.home / "extensions/installed/foo/manifest.yaml").open("a") as manifest:
        manifest.write("# mine\n")
    assert "+ # mine" in session.llamagate("status", "--diff", "foo").out
