"""``llamagate import``: one package comes in, or an installed one is updated, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.fs import durable
from tests.cli.failures import failure, refused, warned
from tests.cli.parcels import formed, list_checksums, trees, zipped
from tests.cli.shell import Session, finished, snapshot
from tests.sources.http_server import HttpServer
from tests.support.packages import FORMS, LOADABLE, MODULE, pack

WRITE_EXTENSIONS: Final = ("extension", "ext")
WRITE_MODULES: Final = ("agentic-module", "module", "am")


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension that was imported, and its package."""
    session.package("foo", files={"prompt.txt": "one\n"})
    session.llamagate("import", "packages/foo")
    return session


def unchanged(session: Session, *arguments: object, exits: int = 1) -> str:
    """What a command that must not change anything says on standard error; with ``--json`` it says the same."""
    session.ours.mkdir(mode=0o700, parents=True, exist_ok=True)  # the lock stands there, whatever comes of the command
    before = session.everything()
    said = session.llamagate(*arguments, exits=exits)
    assert session.everything() == before
    if said.out == "":
        document = session.llamagate(*arguments, "--json", exits=exits).error
        assert document["message"].split("; ")[0] in said.err
        assert session.everything() == before
    return said.err


# What comes in


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_package_comes_in(session: Session, form: str, archive: bool) -> None:
    folder = formed(session, form)
    said = session.llamagate("import", zipped(session, "foo") if archive else folder)
    assert session.record()["generation"] == 1
    [item] = session.llamagate("list", "--json").json["items"]
    assert (item["id"], item["version"], item["enabled"], item["owner"]) == ("foo", "1.0.0", True, None)
    assert item["loadable"] is (form in LOADABLE)
    told = "foo is written in the task dialect: only 'llamagate serve' runs it, gateways do not" in said.out
    assert told is (form not in LOADABLE)
    installed = Path(item["path"])
    assert {path.name for path in folder.rglob("*")} <= {path.name for path in installed.rglob("*")}
    assert (installed / "bin/run.sh").stat().st_mode & 0o777 == 0o755
    assert session.registered()["foo"]["source_path"] == str(installed)


def test_a_folder_around_everything_in_a_zip_is_looked_through(session: Session) -> None:
    session.package("foo")
    session.llamagate("import", zipped(session, "foo", top="foo-1.0.0/"))
    assert session.installed("foo", "manifest.yaml").exists()
    assert not session.installed("foo", "foo-1.0.0").exists()


@pytest.mark.parametrize(("word", "form"), [(word, "gateway") for word in WRITE_EXTENSIONS])
@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_type_words_of_extensions(session: Session, word: str, form: str, archive: bool) -> None:
    formed(session, form)
    session.llamagate("import", word, zipped(session, "foo") if archive else "packages/foo")
    assert session.registered()["foo"]["type"] == "extension"


@pytest.mark.parametrize("word", WRITE_MODULES)
def test_type_words_of_modules(session: Session, word: str) -> None:
    formed(session, "module")
    session.llamagate("import", word, "packages/foo")
    assert session.registered()["foo"]["type"] == "agentic-module"


@pytest.mark.parametrize(
    ("form", "word", "advice"),
    [
        (
            "gateway",
            "module",
            "'llamagate import extension packages/foo'",
        ),
        (
            "module",
            "ext",
            "'llamagate import agentic-module packages/foo'",
        ),
    ],
)
def test_a_type_that_does_not_fit_is_refused(session: Session, form: str, word: str, advice: str) -> None:
    formed(session, form)
    assert advice in failure(session, "import", word, "packages/foo").message
    assert not (session.home / "registry").exists()


def test_a_word_that_is_no_type(session: Session) -> None:
    assert "'plugin'" in failure(session, "import", "plugin", "x.zip", exits=64).message
    assert "is empty" in failure(session, "import", "ext", "", exits=64).message
    assert not session.home.exists()


def test_the_folder_that_one_stands_in(session: Session) -> None:
    session.write("manifest.yaml", "name: here\nversion: 1.0.0\ndescription: x\ntype: workflow\nsteps: [{uses: a}]\n")
    session.llamagate("import", ".")
    assert set(session.registered()) == {"here"}


def test_a_link_to_a_package_is_followed(session: Session) -> None:
    session.package("foo")
    (session.project / "link").symlink_to(session.project / "packages/foo")
    zipped(session, "foo", "real.zip")
    (session.project / "link.zip").symlink_to("real.zip")
    session.llamagate("import", "link")
    assert session.llamagate("import", "link.zip", "--json").json["changes"] is False


def test_names_with_blanks_and_beyond_ascii(session: Session) -> None:
    session.package("foo")
    (session.project / "packages/foo").rename(session.project / "mein Päckchen")
    session.llamagate("import", "mein Päckchen")
    assert "mein Päckchen" in session.llamagate("list").out


# What does not


def test_import_with_invalid_zip(session: Session) -> None:
    session.write("foo.zip", "this is no archive")
    assert unchanged(session, "import", "foo.zip") == (
        "llamagate: foo.zip: is not a complete zip archive: its end record is missing, or other bytes follow it; "
        "pack the archive again\n"
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://ada:s3cret@example.org/foo.zip",
        "ssh://ada:s3cret@example.org/foo.git",
        "oci://ada:s3cret@example.org/foo",
        "ftp://example.org/foo.zip",
    ],
)
def test_an_address_that_no_file_may_name_is_not_imported(session: Session, address: str) -> None:
    said = session.llamagate("import", address, exits=1)
    assert "s3cret" not in said.err + said.out
    assert said.err.startswith(f"llamagate: {address.partition(':')[0]}://")
    assert {path.name for path in session.ours.iterdir()} == {"lock"}


def test_what_is_secret_in_an_address_is_not_said(session: Session) -> None:
    session.package("foo")
    pack(session.project / "packages" / "foo", session.base / "foo.zip")
    with HttpServer(folder=session.base) as server:
        said = session.llamagate("import", "module", server.url("/foo.zip?token=s3cret"), exits=1)
    assert "/foo.zip?… is the extension 'foo', not an agentic-module" in said.err
    assert "s3cret" not in said.err + said.out


def test_import_with_truncated_zip(session: Session) -> None:
    session.package("foo")
    path = zipped(session, "foo")
    path.write_bytes(path.read_bytes()[:-30])
    assert unchanged(session, "import", "foo.zip").startswith("llamagate: foo.zip: ")


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_import_with_missing_manifest(session: Session, archive: bool) -> None:
    session.write("packages/foo/readme.txt", "no manifest\n")
    name = "foo.zip" if archive else "packages/foo"
    zipped(session, "foo")
    assert unchanged(session, "import", name) == (
        f"llamagate: {name}: there is no manifest.yaml, extension.yaml or agenticmodule.yaml at its top level\n"
    )


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_import_with_invalid_manifest(session: Session, archive: bool) -> None:
    session.write("packages/foo/manifest.yaml", "name: foo\nversion: one\ntype: magic\n")
    name = "foo.zip" if archive else "packages/foo"
    zipped(session, "foo")
    said = unchanged(session, "import", name)
    head, *faults = said.splitlines()
    assert head == f"llamagate: {name} is not a valid package: {len(faults)} faults"
    assert [fault.split(": ")[:2] for fault in faults] == [
        [f"  {name}/manifest.yaml:1:1", "'description' is missing"],
        [f"  {name}/manifest.yaml:2:1", "version"],
        [f"  {name}/manifest.yaml:3:1", "type"],
    ]


def test_import_with_unreadable_yaml_names_the_place(session: Session) -> None:
    session.write("packages/foo/manifest.yaml", "name: foo\nsteps: [\n")
    assert "packages/foo/manifest.yaml:3:1: not valid YAML" in unchanged(session, "import", "packages/foo")


@pytest.mark.parametrize("name", ["nope.zip", "nope", "../nope", "packages/foo/nope.zip"])
def test_import_of_what_is_not_there(session: Session, name: str) -> None:
    session.package("foo")
    said = unchanged(session, "import", name)
    assert said == f"llamagate: {name}: not found; check the path\n"


def test_import_of_the_manifest_alone_says_what_to_name(session: Session) -> None:
    session.package("foo")
    assert unchanged(session, "import", "packages/foo/manifest.yaml") == (
        "llamagate: packages/foo/manifest.yaml is one file of a package\n"
        "  → 'llamagate import packages/foo' installs the whole package\n"
    )


def test_an_unreadable_package(session: Session) -> None:
    session.package("foo")
    (session.project / "packages/foo/loop").symlink_to("loop")
    assert "loop" in unchanged(session, "import", "packages/foo")


def test_a_hostile_id_leads_nowhere(session: Session) -> None:
    session.write("packages/x/manifest.yaml", "name: ../x\nversion: 1.0.0\ndescription: x\ntype: workflow\nsteps: []\n")
    said = unchanged(session, "import", "packages/x")
    assert "  packages/x/manifest.yaml:1:1: name: an id has only letters, digits, '_' and '-'\n" in said


# Checksums


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_checksums_that_fit_are_accepted(session: Session, archive: bool) -> None:
    session.package("foo")
    list_checksums(session, "foo")
    session.llamagate("import", zipped(session, "foo") if archive else "packages/foo")
    assert not session.installed("foo", "checksums.txt").exists()


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_a_checksum_that_does_not_fit_is_refused(session: Session, archive: bool) -> None:
    session.package("foo")
    list_checksums(session, "foo", change="# changed on the way\n")
    name = "foo.zip" if archive else "packages/foo"
    zipped(session, "foo")
    assert unchanged(session, "import", name, exits=5) == (
        f"llamagate: {name} does not match its checksums.txt\n"
        f"  {name}/manifest.yaml: has other bytes than listed\n"
        "  → get the package again, or delete checksums.txt if you changed it yourself\n"
    )


# Updates


def test_a_newer_version_is_an_update_and_local_files_stay(foo: Session) -> None:
    foo.installed("foo", "var").mkdir()
    foo.installed("foo", "var/log.txt").write_text("mine\n")
    foo.installed("foo", "notes.txt").write_text("mine\n")
    foo.package("foo", version="1.1.0", files={"prompt.txt": "two\n"})
    [action] = foo.llamagate("import", "packages/foo", "--json").json["actions"]
    assert (action["action"], action["from_version"], action["to_version"]) == ("update", "1.0.0", "1.1.0")
    assert foo.installed("foo", "prompt.txt").read_text() == "two\n"
    assert foo.installed("foo", "var/log.txt").read_text() == foo.installed("foo", "notes.txt").read_text() == "mine\n"
    assert (foo.ours / "backups/extension/foo/2/prompt.txt").read_text() == "one\n"


@pytest.mark.parametrize("by", ["command", "registry"])
def test_an_update_keeps_what_is_disabled_disabled(foo: Session, by: str) -> None:
    if by == "command":
        foo.llamagate("disable", "foo")
    else:
        foo.registry.write_text(json.dumps([foo.registered()["foo"] | {"enabled": False}]))
    foo.package("foo", version="1.1.0")
    foo.llamagate("import", "packages/foo")
    assert foo.registered()["foo"]["enabled"] is False
    assert foo.record()["items"][0]["enabled"] is False


@pytest.mark.parametrize("text", ["enabled: false\n", ""], ids=["manifest", "silent"])
def test_a_new_item_is_enabled_as_its_manifest_says(session: Session, text: str) -> None:
    session.package("foo")
    with (session.project / "packages/foo/manifest.yaml").open("a") as manifest:
        manifest.write(text)
    session.llamagate("import", "packages/foo")
    assert session.registered()["foo"]["enabled"] is (not text)


def test_an_older_version_is_refused_until_it_is_permitted(foo: Session) -> None:
    foo.package("foo", version="0.9.0")
    before = foo.everything()
    assert refused(foo, "import", "packages/foo") == ["foo downgrade"]
    assert foo.everything() == before
    [action] = foo.llamagate("import", "packages/foo", "--allow-downgrade", "--json").json["actions"]
    assert action["action"] == "downgrade"
    assert foo.registered()["foo"]["version"] == "0.9.0"


def test_the_same_version_with_other_content_is_an_update(foo: Session) -> None:
    foo.package("foo", files={"prompt.txt": "two\n"})
    [action] = foo.llamagate("import", "packages/foo", "--json").json["actions"]
    assert (action["action"], [*action["diff"]]) == ("update", ["files"])
    assert [file["path"] for file in action["diff"]["files"]] == ["prompt.txt"]


def test_an_import_of_what_is_there_already_changes_nothing(foo: Session) -> None:
    before = foo.everything()
    done = foo.llamagate("import", "packages/foo", "--json").json
    assert (done["changes"], done["generation"]) == (False, 1)
    assert foo.everything() == before


def test_an_import_brings_back_a_file_that_is_missing(foo: Session) -> None:
    foo.installed("foo", "prompt.txt").unlink()
    [action] = foo.llamagate("import", "packages/foo", "--json").json["actions"]
    assert action["action"] == "repair"
    assert foo.installed("foo", "prompt.txt").read_text() == "one\n"


def test_an_edited_file_that_the_package_changes_is_a_conflict(foo: Session) -> None:
    foo.installed("foo", "prompt.txt").write_text("mine\n")
    foo.package("foo", version="1.1.0", files={"prompt.txt": "two\n"})
    before = foo.everything()
    assert refused(foo, "import", "packages/foo") == ["foo conflict"]
    assert foo.everything() == before
    foo.llamagate("import", "packages/foo", "--overwrite")
    assert foo.installed("foo", "prompt.txt").read_text() == "two\n"
    assert (foo.ours / "backups/extension/foo/2/prompt.txt").read_text() == "mine\n"


def test_configuration_owner_and_dependencies_stay(session: Session) -> None:
    session.package("foo")
    session.package("bar")
    session.desired(
        "owner: team\nextensions:\n  bar: ./packages/bar\n"
        "  foo: {source: ./packages/foo, depends_on: [bar], config: {interval: 9, token: {env: VALUE}}}\n"
    )
    session.variables["VALUE"] = "s3cret"
    session.llamagate("apply")
    session.package("foo", version="1.1.0")
    session.llamagate("import", "packages/foo")
    text = session.installed("foo", "manifest.yaml").read_text()
    assert "version: 1.1.0" in text
    assert "interval: 9" in text
    assert "s3cret" in text
    [item] = [item for item in session.record()["items"] if item["id"] == "foo"]
    assert (item["owner"], item["depends_on"]) == ("team", ["bar"])
    assert item["config"] == {"interval": 9, "token": {"env": "VALUE"}}
    assert b"s3cret" not in b"".join(path.read_bytes() for path in session.ours.glob("*.json"))


def test_a_configured_variable_that_is_not_set_is_named(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: VALUE}}}}\n")
    session.variables["VALUE"] = "s3cret"
    session.llamagate("apply")
    del session.variables["VALUE"]
    session.package("foo", version="1.1.0")
    said = unchanged(session, "import", "packages/foo")
    assert "foo: config.token: the environment variable VALUE is not set\n" in said


# What stands in the way


def place(session: Session, item: str, **files: str) -> None:
    """Install an extension as another tool does: files, and no word to us."""
    session.package(item)
    shutil.copytree(session.project / "packages" / item, session.installed(item))
    for name, text in files.items():
        session.installed(item, name).write_text(text)


def test_what_something_else_installed_is_adopted_where_it_is_the_same(session: Session) -> None:
    place(session, "foo", notes="mine\n")
    before = snapshot(session.installed("foo"))
    assert "adopt" in session.llamagate("import", "packages/foo").out
    assert snapshot(session.installed("foo")) == before


def test_what_something_else_installed_is_replaced_after_a_backup(session: Session) -> None:
    place(session, "foo", notes="mine\n")
    session.package("foo", version="2.0.0")
    session.llamagate("import", "packages/foo")
    assert session.registered()["foo"]["version"] == "2.0.0"
    assert session.installed("foo", "notes").read_text() == "mine\n"
    assert "1.0.0" in (session.ours / "backups/extension/foo/1/manifest.yaml").read_text()


def test_id_name_conflict_resolution(session: Session) -> None:
    """One id names one item: neither another kind nor another case of it may come beside it."""
    session.package("foo")
    session.llamagate("import", "packages/foo")
    session.write("packages/module/agenticmodule.yaml", MODULE.format(id="foo", version="1.0.0", extension="x"))
    session.write("packages/upper/manifest.yaml", (session.project / "packages/foo/manifest.yaml").read_text())
    session.edit("packages/upper/manifest.yaml", "name: foo", "name: FOO")
    before = session.everything()
    for name in ("module", "upper"):
        said = session.llamagate("import", f"packages/{name}", exits=5)
        assert "the extension foo already has this id; remove or rename one of them" in said.out
        assert session.everything() == before


def test_an_id_that_differs_from_the_name_is_told(session: Session) -> None:
    """A gateway looks enablement up by name first."""
    session.package("foo", files={"extension.yaml": "id: bar\nname: foo\nversion: 1.0.0\n"})
    said = session.llamagate("import", "packages/foo")
    note = "packages/foo: id 'bar' and name 'foo' differ; the gateway looks enablement up by name first"
    assert f"Warnings\n  {note}\n" in said.out
    session.desired("extensions: {bar: ./packages/foo}\n")
    assert warned(session.plan()) == ["bar id-and-name"]
    assert set(session.registered()) == {"bar"}
    assert session.installed("bar").is_dir()


def test_a_link_in_the_place_of_the_item_is_never_followed(session: Session) -> None:
    session.package("foo")
    precious = session.base / "precious"
    precious.mkdir()
    (precious / "manifest.yaml").write_text("precious\n")
    session.installed("foo").parent.mkdir(parents=True)
    (session.home / "extensions/installed/foo").symlink_to(precious)
    before = snapshot(precious)
    session.llamagate("import", "packages/foo")
    assert snapshot(precious) == before
    assert not (session.home / "extensions/installed/foo").is_symlink()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_took_the_place_of_an_installed_folder_stays_until_the_item_is_removed(foo: Session, kind: str) -> None:
    precious = foo.base / "precious"
    foo.installed("foo").rename(precious)
    taken = foo.home / "extensions/installed/foo"
    if kind == "link":
        taken.symlink_to(precious)
    else:
        taken.write_text("mine\n")
    before = snapshot(precious)
    said = foo.llamagate("import", "packages/foo")
    assert "foo: its folder was replaced by a link or another kind of file" in said.out
    foo.llamagate("remove", "foo")
    foo.llamagate("import", "packages/foo")
    assert foo.installed("foo", "manifest.yaml").is_file()
    assert not taken.is_symlink()
    assert snapshot(precious) == before


def test_builtin_is_refused_until_the_policy_allows_it(session: Session) -> None:
    session.package("foo")
    session.edit("packages/foo/manifest.yaml", "type: workflow", "type: workflow\nbuiltin: true")
    assert refused(session, "import", "packages/foo") == ["foo builtin"]
    session.desired("policy: {allow_builtin: [foo]}\n")
    session.llamagate("import", "packages/foo")


def test_a_module_whose_extension_is_missing_is_told(session: Session) -> None:
    session.module("flow", "absent")
    said = session.llamagate("import", "packages/flow")
    assert "flow uses the extension 'absent', which is not bundled, not listed and not installed" in said.out


# A dry run


@pytest.mark.parametrize("flags", [[], ["--save"]], ids=["", "save"])
def test_a_dry_run_writes_nothing_at_all(session: Session, flags: list[str]) -> None:
    session.package("foo")
    actions = session.llamagate("import", "packages/foo", "--dry-run", *flags, "--json").json["actions"]
    assert [action["action"] for action in actions] == ["install"]
    assert not session.home.exists()
    assert [path.name for path in session.project.iterdir()] == ["packages"]


def test_a_dry_run_tells_the_same_plan_as_the_import(foo: Session) -> None:
    foo.package("foo", version="1.1.0")
    planned = foo.llamagate("import", "packages/foo", "--dry-run", "--json").json
    done = foo.llamagate("import", "packages/foo", "--json").json
    assert (planned.pop("generation"), done.pop("generation")) == (1, 2)
    assert {key: done[key] for key in planned} == planned


def test_a_dry_run_shows_refusals_and_ends_like_them(foo: Session) -> None:
    foo.package("foo", version="0.1.0")
    before = foo.everything()
    foo.llamagate("import", "packages/foo", "--dry-run", exits=5)
    assert foo.everything() == before


# Failures, and others at work


def test_registry_corruption_recovery(foo: Session) -> None:
    foo.registry.write_bytes(b'[{"id": "foo", "ty')
    foo.package("bar")
    said = foo.llamagate("import", "packages/bar")
    assert "registry/installed.json cannot be read (" in said.out
    assert set(foo.registered()) == {"foo", "bar"}
    assert [path.read_bytes() for path in foo.registry.parent.glob("*.broken-*")] == [b'[{"id": "foo", "ty']


def test_partial_install_rollback(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the registry cannot be written after the folder is in place, the folder goes again."""
    session.package("foo")
    session.desired("# mine\n")
    session.ours.mkdir(parents=True)
    before = snapshot(session.project)
    real, was_there = durable.write_file, list[bool]()

    def full(path: Path, data: bytes, **options: Any) -> None:
        if path == session.registry:
            was_there.append(session.installed("foo").is_dir())
            raise OSError(28, "No space left on device", str(path))
        real(path, data, **options)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write_file", full)
        said = session.llamagate("import", "packages/foo", "--save", exits=6)
    assert was_there == [True]
    why = f"{session.registry}: No space left on device"
    assert said.err.splitlines()[0] == f"llamagate: the change failed and was undone: {why}"
    assert not session.installed("foo").exists()
    assert not session.journal.exists()
    assert list((session.ours / "stage").glob("*")) == []
    assert snapshot(session.project) == before
    assert session.llamagate("list", "--json").json == {"items": []}


def test_a_first_import_that_fails_leaves_no_orphan(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.package("foo")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/some/where")

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.fs.tree.create_file", full)
        said = session.llamagate("import", "packages/foo", exits=1)
    assert "/foo/manifest.yaml: No space left on device; nothing was changed\n" in said.err
    assert not session.installed("foo").exists()
    assert list((session.ours / "stage").glob("*")) == []
    session.llamagate("import", "packages/foo")
    assert set(session.registered()) == {"foo"}


IMPORTS: Final = """
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


@pytest.mark.parametrize(("processes", "imports"), [(4, 4), pytest.param(8, 5, marks=pytest.mark.long)])
def test_concurrent_imports(session: Session, processes: int, imports: int) -> None:
    """Several processes with several imports each, one of them of the same folder: nothing is lost."""
    items = [[f"item-{process}-{number}" for number in range(imports)] for process in range(processes)]
    for item in [item for part in items for item in part]:
        session.package(item)
    session.package("shared")
    running = [session.python(IMPORTS, *[f"packages/{item}" for item in part], "packages/shared") for part in items]
    ended = [finished(process) for process in running]
    assert [(result.code, result.err.count("Traceback")) for result in ended] == [(0, 0)] * processes
    wanted = {item for part in items for item in part} | {"shared"}
    assert set(session.registered()) == wanted == set(trees(session))
    assert {path.name for path in session.installed("").iterdir()} == wanted
    assert session.record()["generation"] == len(wanted)
    assert session.llamagate("verify", "--json").json


# Beside a file that takes the item from elsewhere


def test_an_import_of_the_package_that_the_file_wants_sets_no_hold(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("export", "foo", "--out", "foo.zip")
    done = session.llamagate("import", "foo.zip", "--json").json
    assert (done["changes"], done["hold"], done["warnings"]) == (False, None, [])


def test_an_import_of_what_the_file_no_longer_wants_sets_a_hold(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("export", "foo", "--out", "foo.zip")
    session.package("foo", version="2.0.0")
    done = session.llamagate("import", "foo.zip", "--json").json
    assert (done["changes"], done["hold"] is None) == (False, False)
    session.llamagate("watch", "--once")
    assert session.registered()["foo"]["version"] == "1.0.0"


def test_an_import_beside_a_source_that_is_gone_sets_a_hold(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    session.llamagate("export", "foo", "--out", "foo.zip")
    shutil.rmtree(session.project / "packages")
    assert session.llamagate("import", "foo.zip", "--json").json["hold"] is not None


def test_an_import_of_other_executable_bits_than_the_file_wants_sets_a_hold(session: Session) -> None:
    session.package("foo", files={"run.sh": "#!/bin/sh\n"})
    session.extensions("foo")
    session.llamagate("apply")
    shutil.copytree(session.project / "packages/foo", session.project / "other/foo")
    (session.project / "packages/foo/run.sh").chmod(0o755)
    assert session.llamagate("import", "other/foo", "--json").json["hold"] is not None


# What the next pass need not read again


@pytest.mark.parametrize("item", ["foo", "bar"], ids=["listed", "not listed"])
def test_an_import_forgets_the_file_only_where_that_lists_the_package(session: Session, item: str) -> None:
    """What a pass found to fit the file may no longer, once another package has the place of what it lists."""
    session.package("foo")
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    session.package(item, version="2.0.0")
    session.llamagate("import", f"packages/{item}")
    assert (session.record()["documents"] == {}) is (item == "foo")
    session.llamagate("plan")
