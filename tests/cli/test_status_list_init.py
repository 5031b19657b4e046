"""Looking: ``status``, ``list``, ``schema``, ``validate``; starting: ``init``; and ``recover``."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.documents.schemas import SCHEMA_NAMES
from reconciler.observe.items import listed_items
from tests.cli.failures import failure
from tests.cli.shell import Session, interrupt_apply, snapshot, stamps
from tests.conftest import PROJECT
from tests.support.packages import MANIFEST, TASK, pack

STATUS_KEYS = [
    "in_sync",
    "lock",
    "generation",
    "pending",
    "drift",
    "hold",
    "transaction",
    "gateway",
    "items",
    "suspensions",
    "confirm_by",
    "watcher",
    "unreachable",
    "expired",
]
ITEM_KEYS = ["kind", "id", "name", "version", "enabled", "owner", "path", "dialect", "loadable"]
SECRETS = {
    "plain": "hunter2",
    "pem": "-----BEGIN hunter2-----\nabc hunter2\n-----END-----\n",
    "quote": 'a"hunter2',
    "backslash": "a\\hunter2",
    "tab": "a\thunter2",
    "looks-like-yaml": "x: hunter2 # y",
    "braces": "{hunter2}",
    "spaces": " hunter2 ",
    "number": "0123456789",
    "boolean": "yes",
    "accents": "hünter2☃😀",
    "control": "hunter2\x07",
}


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension with a template, applied."""
    session.package("foo", files={"templates/a.txt": "one\ntwo\n"})
    session.extensions("foo")
    session.llamagate("apply")
    return session


# Status


def test_status_in_sync(foo: Session) -> None:
    document = foo.llamagate("status", "--json").json
    assert list(document) == STATUS_KEYS
    assert list(document["items"][0]) == ITEM_KEYS
    assert {key: document[key] for key in STATUS_KEYS[:7]} == {
        "in_sync": True,
        "lock": {"stale": []},
        "generation": 1,
        "pending": 0,
        "drift": [],
        "hold": None,
        "transaction": "none",
    }


def test_status_before_anything(session: Session) -> None:
    session.extensions()
    found = session.llamagate("status", "--json").json
    assert (found["generation"], found["items"]) == (0, [])
    assert not session.home.exists()


def test_status_says_what_differs_and_what_to_do(foo: Session) -> None:
    foo.extensions("foo", "bar")
    foo.installed("foo", "templates/a.txt").write_text("mine\n")
    shown = foo.llamagate("status").out
    for fact in ("foo: templates/a.txt", "'llamagate status --diff ID'", "'llamagate plan'", "    bar: "):
        assert fact in shown
    document = foo.llamagate("status", "--json").json
    assert (document["in_sync"], document["pending"]) == (False, 1)
    assert document["drift"] == [{"kind": "extension", "id": "foo", "path": "templates/a.txt", "change": "edited"}]


def test_status_counts_refusals(foo: Session) -> None:
    foo.installed("foo", "templates/a.txt").write_text("mine\n")
    foo.package("foo", version="2.0.0", files={"templates/a.txt": "theirs\n"})
    assert "  1 refusal; 'llamagate plan' shows why\n" in foo.llamagate("status").out


def test_status_without_a_file_looks_for_drift(foo: Session) -> None:
    (foo.project / "llamagate.yaml").unlink()
    foo.installed("foo", "manifest.yaml").write_text("mine\n")
    found = foo.llamagate("status", "--json").json
    assert found["in_sync"] is False
    assert [(row["id"], row["path"], row["change"]) for row in found["drift"]] == [("foo", "manifest.yaml", "edited")]


@pytest.mark.parametrize("has_file", [True, False], ids=["with a file", "without"])
def test_status_beside_a_corrupt_registry_says_that_alone(foo: Session, has_file: bool) -> None:
    foo.registry.write_text("[")
    if not has_file:
        (foo.project / "llamagate.yaml").unlink()
    found = foo.llamagate("status", "--json").json
    assert (found["in_sync"], found["drift"], found["pending"]) == (False, [], 1 if has_file else 0)
    assert [item["enabled"] for item in found["items"]] == [True]
    assert has_file or str(foo.registry) in foo.llamagate("status").err
    foo.llamagate("status", "--detailed-exitcode", exits=2 if has_file else 3)


def test_status_sees_a_lock_that_is_gone(foo: Session) -> None:
    (foo.project / "llamagate.lock.yaml").unlink()
    assert "    foo: " in foo.llamagate("status").out
    assert foo.llamagate("status", "--json").json["in_sync"] is False
    foo.llamagate("apply")
    assert foo.llamagate("status", "--json").json["in_sync"] is True


# Status --diff


def test_diff_shows_what_was_changed_by_hand(foo: Session) -> None:
    foo.installed("foo", "templates/a.txt").write_text("one\n2\n")
    said = foo.llamagate("status", "--diff", "foo")
    assert said.out == "~ templates/a.txt (+1 -1)\n      one\n    - two\n    + 2\n"
    [file] = foo.llamagate("status", "--diff", "foo", "--json").json["diff"]["files"]
    assert (file["path"], file["change"], file["added"], file["removed"]) == ("templates/a.txt", "changed", 1, 1)


@pytest.mark.parametrize(
    ("change", "files"),
    [
        (lambda path: path.unlink(), ["templates/a.txt"]),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), ["templates/a.txt"]),
        (lambda path: shutil.rmtree(path.parents[1]), ["manifest.yaml", "templates/a.txt"]),
        (lambda path: (path.parent / "mine").write_text("x"), []),
        (lambda path: None, []),
    ],
    ids=["missing", "binary", "folder", "local", "nothing"],
)
def test_diff_of_what_is_no_changed_text(foo: Session, change: Callable[[Path], None], files: list[str]) -> None:
    change(foo.installed("foo", "templates/a.txt"))
    diff = foo.llamagate("status", "--diff", "foo", "--json").json["diff"]
    assert [file["path"] for file in diff["files"]] == files


def test_diff_of_an_unknown_item_suggests_one(foo: Session) -> None:
    assert "'foo'?" in failure(foo, "status", "--diff", "fo").message


def test_diff_works_when_the_source_is_gone(foo: Session) -> None:
    shutil.rmtree(foo.project / "packages")
    foo.installed("foo", "templates/a.txt").write_text("one\n")
    assert "- two\n" in foo.llamagate("status", "--diff", "foo").out


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS.keys())
def test_diff_hides_values_from_the_environment(session: Session, value: str) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}, n: 1}}}\n")
    session.variables["FOO_TOKEN"] = value
    session.llamagate("apply")
    manifest = session.installed("foo", "manifest.yaml")
    manifest.write_bytes(manifest.read_bytes() + b"# my own note\n")
    said = session.llamagate("status", "--diff", "foo").out
    added, removed = (re.findall(rf"^    [{sign}] .*", said, re.MULTILINE) for sign in "+-")
    assert (added, removed) == (["    + # my own note"], [])
    assert value not in said
    assert "hunter2" not in said


def test_diff_hides_a_value_that_was_changed_by_hand(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}}}}\n")
    session.variables["FOO_TOKEN"] = "hunter2"  # noqa: S105 - a test's
    session.llamagate("apply")
    session.edit(session.installed("foo", "manifest.yaml"), "hunter2", "hunter3")
    said = session.llamagate("status", "--diff", "foo").out
    assert said == "~ manifest.yaml (a hidden value changed, or how it is written)\n"
    assert "hunter" not in said


@pytest.mark.parametrize(
    "text",
    ["name: [hunter2", "token: hunter2\n", "- hunter2\n", "config: hunter2\n", "config: {token: {a: hunter2}}\n"],
    ids=["malformed", "elsewhere", "list", "scalar", "deeper"],
)
def test_diff_of_a_broken_manifest_shows_no_value(session: Session, text: str) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}}}}\n")
    session.variables["FOO_TOKEN"] = "hunter2"  # noqa: S105 - a test's
    session.llamagate("apply")
    session.installed("foo", "manifest.yaml").write_text(text)
    assert "hunter2" not in session.llamagate("status", "--diff", "foo").out


# List


def test_list_is_a_table(session: Session) -> None:
    session.package("bar", version="0.1.0")
    session.package("foo")
    session.desired("owner: me\nextensions: {foo: ./packages/foo, bar: {source: ./packages/bar, enabled: false}}\n")
    session.llamagate("apply")
    shutil.copytree(session.installed("foo"), session.installed("found"))
    session.edit(session.installed("found", "manifest.yaml"), "name: foo", "name: found")
    session.installed("junk").mkdir()
    shutil.rmtree(session.installed("bar"))
    packages = session.project / "packages"
    assert session.llamagate("list").out == (
        "KIND       ID     VERSION  ENABLED  OWNER  STATE          SOURCE\n"
        f"extension  bar    0.1.0    no       me     missing        {packages}/bar\n"
        f"extension  foo    1.0.0    yes      me     installed      {packages}/foo\n"
        "extension  found  1.0.0    yes      -      unmanaged      -\n"
        "extension  junk   -        no       -      not a package  -\n"
    )


def test_list_as_json_has_exactly_these_keys(foo: Session) -> None:
    assert foo.llamagate("list", "--json").json == {
        "items": [
            {
                "kind": "extension",
                "id": "foo",
                "name": "foo",
                "version": "1.0.0",
                "enabled": True,
                "owner": "default",
                "path": str(foo.installed("foo")).rstrip("/"),
                "dialect": "gateway",
                "loadable": True,
            }
        ]
    }
    assert list(foo.llamagate("list", "--json").json["items"][0]) == ITEM_KEYS


def test_list_says_what_no_gateway_runs(session: Session) -> None:
    session.package("plain")
    session.module("flow", "plain")
    session.write("packages/task/extension.yaml", TASK.format(id="task", version="1.0.0"))
    for item in ("plain", "flow", "task"):
        session.llamagate("import", f"packages/{item}")
    _, *rows, note = session.llamagate("list").out.splitlines()
    assert {row.split()[1]: "serve only" in row for row in rows} == {"flow": True, "plain": False, "task": True}
    assert "'llamagate serve' runs it" in note


def test_list_beside_a_corrupt_registry_calls_nothing_changed(foo: Session) -> None:
    foo.registry.write_text("[")
    assert "changed" not in foo.llamagate("list").out


def test_list_looks_again_where_the_home_was_changed_meanwhile(foo: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    foo.package("bar")
    looks = []

    def look(*arguments: Any) -> Any:
        found = listed_items(*arguments)
        looks.append(found)
        if len(looks) == 1:
            foo.in_process("import", "packages/bar")
        return found

    monkeypatch.setattr("reconciler.queries.list.listed_items", look)
    assert [item["id"] for item in foo.llamagate("list", "--json").json["items"]] == ["bar", "foo"]
    assert [len(found) for found in looks] == [1, 2]


def test_list_answers_after_a_crash(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    assert "foo" in foo.llamagate("list").out


def test_list_of_nothing(session: Session) -> None:
    session.home.mkdir()
    assert session.llamagate("list").out
    assert session.llamagate("list", "--json").json == {"items": []}
    assert not session.ours.exists()


@pytest.mark.parametrize(
    ("types", "ids"),
    [
        *((word, ["zeta"]) for word in ("extensions", "extension", "ext")),
        *((word, ["alpha"]) for word in ("agentic-modules", "modules", "module", "am")),
    ],
)
def test_list_of_one_type(session: Session, types: str, ids: list[str]) -> None:
    session.package("zeta")
    session.module("alpha", "zeta")
    session.desired("extensions: {zeta: ./packages/zeta}\nmodules: {alpha: ./packages/alpha}\n")
    session.llamagate("apply")
    assert [item["id"] for item in session.llamagate("list", types, "--json").json["items"]] == ids


def test_list_ignores_what_lies_beside_items(foo: Session) -> None:
    installed = foo.home / "extensions" / "installed"
    for name in (".hidden", "foo.tmp", "foo.backup", "backups"):
        shutil.copytree(foo.installed("foo"), installed / name)
    (installed / "link").symlink_to("foo")
    (installed / "file").write_text("x")
    assert [item["id"] for item in foo.llamagate("list", "--json").json["items"]] == ["foo"]


# Init


def test_init_writes_a_starter_that_is_valid_and_does_nothing(session: Session) -> None:
    said = session.llamagate("init")
    assert said.out == "Wrote llamagate.yaml. Next: 'llamagate plan' shows what an apply would do.\n"
    assert session.llamagate("validate").out == "llamagate.yaml is valid: 0 items\n"
    assert session.actions() == []


def test_each_line_of_the_starter_can_be_taken_into_use(session: Session) -> None:
    """A newcomer takes the marks of comments away; what is left must still be a desired state."""
    for item in ("meeting-notes", "cost-analyst"):
        session.package(item)
    session.module("intake", "meeting-notes")
    session.llamagate("init")
    text = (session.project / "llamagate.yaml").read_text()
    text = re.sub(r"^( *)# ?(?=( *[\w-]+:))", r"\1", text, flags=re.MULTILINE)
    text = text.replace("dist/cost-analyst-1.2.0.zip", "./packages/cost-analyst").replace('"^1.2"', '"^1.0"')
    (session.project / "llamagate.yaml").write_text(text)
    session.variables["REPORT_TOKEN"] = "x"  # noqa: S105 - a test's
    assert session.actions() == ["install cost-analyst", "install meeting-notes", "install intake"]


def test_init_never_overwrites(session: Session) -> None:
    session.write("llamagate.yaml", "mine\n")
    failed = failure(session, "init")
    assert "llamagate.yaml" in failed.message
    assert "-f" in failed.message
    assert (session.project / "llamagate.yaml").read_text() == "mine\n"


def test_init_where_it_cannot_write(session: Session) -> None:
    assert "nowhere/x.yaml" in failure(session, "init", "-f", "nowhere/x.yaml").message


def test_init_from_installed_then_apply_adopts_and_rewrites_nothing(session: Session) -> None:
    """What another tool installed: one extension with local files, one disabled, a module, and a broken folder."""
    for item in ("foo", "off"):
        session.write(str(session.installed(item, "manifest.yaml")), MANIFEST.format(id=item, version="1.0.0"))
    session.write(str(session.installed("foo", "var/run.log")), "log\n")
    session.write(str(session.installed("broken", "manifest.yaml")), "name: [\n")
    flow = session.home / "agentic-modules" / "installed" / "triage-pipeline"
    shutil.copytree(PROJECT / "examples" / "modules" / "triage-pipeline", flow)
    path = str(session.installed("off")).rstrip("/")
    times = dict.fromkeys(("installed_at", "last_updated_at"), "2020-02-03T04:05:06.123456789Z")
    entry = {"id": "off", "type": "extension", "name": "off", "version": "1.0.0", "enabled": False, **times}
    session.write(str(session.registry), json.dumps([{**entry, "source_path": path}]))
    folders = [session.home / "extensions", session.home / "agentic-modules"]
    before = stamps(*folders)

    said = session.llamagate("init", "--from-installed")
    assert said.err.startswith("llamagate: broken ")
    assert len(said.err.splitlines()) == 1
    assert (session.project / "llamagate.yaml").read_text() == (
        "# What is installed in this LlamaGate home. 'llamagate apply' starts to manage it; no file is rewritten.\n"
        "apiVersion: llamagate/v1\n"
        "extensions:\n"
        "  foo:\n    source: ./packages/foo\n    enabled: true\n"
        '  "off":\n    source: ./packages/off\n    enabled: false\n'
        "modules:\n"
        "  triage-pipeline:\n    source: ./packages/triage-pipeline\n    enabled: true\n"
    )
    assert session.actions() == ["adopt foo", "adopt off", "adopt triage-pipeline"]
    session.llamagate("apply")
    assert stamps(*folders) == before
    assert session.llamagate("status", "--json").json["in_sync"] is True
    assert session.registered()["off"] == {**entry, "source_path": path, **_times(session, "off")}
    assert session.registered()["foo"]["enabled"] is True


def _times(session: Session, item: str) -> dict[str, str]:
    return {"last_updated_at": session.registered()[item]["last_updated_at"]}


def test_init_from_installed_names_the_sources_that_we_know(foo: Session) -> None:
    (foo.project / "llamagate.yaml").rename(foo.project / "old.yaml")
    foo.llamagate("init", "--from-installed")
    assert "source: ./packages/foo\n" in (foo.project / "llamagate.yaml").read_text()
    assert foo.actions("--take-over-all") == []


def test_init_from_installed_permits_what_is_built_in(session: Session) -> None:
    session.write(
        str(session.installed("foo", "manifest.yaml")), MANIFEST.format(id="foo", version="1.0.0") + "builtin: true\n"
    )
    said = session.llamagate("init", "--from-installed")
    assert "builtin" in said.err
    assert "allow_builtin:" in (session.project / "llamagate.yaml").read_text()
    session.llamagate("apply")


def test_init_from_installed_does_not_overwrite_packages(session: Session) -> None:
    session.write(str(session.installed("foo", "manifest.yaml")), MANIFEST.format(id="foo", version="1.0.0"))
    session.write("packages/foo/mine", "mine\n")
    before = session.everything()
    assert str(session.project / "packages/foo") in failure(session, "init", "--from-installed").message
    assert session.everything() == before


def test_init_from_installed_of_nothing(session: Session) -> None:
    session.home.mkdir()
    session.llamagate("init", "--from-installed")
    assert session.actions() == []


def test_init_from_installed_keeps_secrets_out_of_the_file(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}}}}\n")
    session.variables["FOO_TOKEN"] = "hunter2"  # noqa: S105 - a test's
    session.llamagate("apply")
    (session.project / "llamagate.yaml").unlink()
    shutil.rmtree(session.project / "packages")
    session.llamagate("init", "--from-installed")
    assert not [path for path, (_, data) in snapshot(session.project).items() if b"hunter2" in _bytes(data)]
    assert session.actions() == []


def _bytes(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


# Schema


def test_schema_lists_names_and_prints_each(session: Session) -> None:
    names = session.llamagate("schema").out.split()
    assert names == list(SCHEMA_NAMES)
    for name in names:
        said = session.llamagate("schema", name)
        assert said.out == (PROJECT / "schemas" / f"{name}.schema.json").read_text()
        assert said.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"


# Validate


def test_validate_a_file_reads_every_package(session: Session) -> None:
    session.extensions("foo", "bar")
    document = session.llamagate("validate", "--json").json
    assert list(document) == ["valid", "checked", "warnings"]
    assert [line.split()[0] for line in document["checked"]] == ["llamagate.yaml", "./packages/foo", "./packages/bar"]
    assert not session.home.exists()


def test_validate_collects_the_faults_of_all_packages(session: Session) -> None:
    session.extensions("foo", "bar")
    for item in ("foo", "bar"):
        session.edit(f"packages/{item}/manifest.yaml", "type: workflow", "type: workflw")
    said = session.llamagate("validate", exits=1)
    assert [line for line in said.err.splitlines() if "manifest.yaml:4:1: type: " in line]
    assert len(session.llamagate("validate", "--json", exits=1).error["faults"]) == 4


@pytest.mark.parametrize("form", ["folder", "zip", "zip-with-a-folder"])
def test_validate_a_package(session: Session, form: str) -> None:
    session.package("foo", files={"a.txt": "a\n"})
    target = "packages/foo"
    if form != "folder":
        target = "foo.zip"
        top = "foo-1.0.0/" if form == "zip-with-a-folder" else ""
        pack(session.project / "packages/foo", session.project / target, top=top)
    [line] = session.llamagate("validate", target, "--json").json["checked"]
    assert line.startswith(f"{target} ")
    assert "extension foo 1.0.0" in line
    assert "2 files" in line


def test_validate_a_bad_package_names_each_fault_with_its_place(session: Session) -> None:
    session.write("foo/manifest.yaml", "name: foo\nversion: one\ndescription: x\ntype: workflow\nsteps: []\n")
    places = failure(session, "validate", "foo").places
    assert [place.split()[0] for place in places] == ["foo/manifest.yaml:2:1", "foo/manifest.yaml:5:1"]


@pytest.mark.parametrize("target", ["nope.yaml", "nope.zip", "nope", "."])
def test_validate_of_what_is_not_there(session: Session, target: str) -> None:
    failed = failure(session, "validate", target)
    assert failed.message.startswith(f"{target}: ")


def test_validate_warns_of_what_is_only_strange(session: Session) -> None:
    session.package("foo", files={".DS_Store": "x"})
    said = session.llamagate("validate", "packages/foo")
    assert re.match(r"llamagate: warning: .*\.DS_Store", said.err)
    assert len(session.llamagate("validate", "packages/foo", "--json").json["warnings"]) == 1


# Recover


def test_recover_where_nothing_happened(foo: Session) -> None:
    before = foo.everything()
    assert foo.llamagate("recover", "--json").json == {"recovered": "none"}
    assert foo.everything() == before


def test_recover_finishes_what_was_committed(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    assert foo.llamagate("recover", "--json").json == {"recovered": "finished"}
    assert foo.registered()["foo"]["version"] == "2.0.0"
    found = foo.llamagate("status", "--json").json
    assert (found["in_sync"], found["generation"]) == (True, 2)


def test_recover_goes_on_undoing(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    foo.journal.rename(foo.ours / "journal.undo")
    assert foo.llamagate("recover", "--json").json == {"recovered": "undone"}
    assert foo.registered()["foo"]["version"] == "1.0.0"
    assert foo.plan()["generation"] == 1


def test_recover_abandon_keeps_everything(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    foo.llamagate("recover", "--abandon")
    assert foo.registered()["foo"]["version"] == "1.0.0"
    assert foo.llamagate("status", "--json").json["transaction"] == "none"
    assert [path.name for path in foo.ours.rglob("journal")] == ["journal"]
    assert foo.actions() == ["update foo"]


def test_recover_abandon_tells_what_its_sync_comes_to(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    shutil.rmtree(foo.installed("foo"))
    said = foo.llamagate("recover", "--abandon", "--json")
    assert said.json == {"recovered": "none"}
    assert said.err.splitlines()[1:] == ["llamagate: remove extension foo: its folder is gone"]
    assert foo.registered() == {}


def test_recover_abandon_beside_a_malformed_file_goes_on(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    foo.write("llamagate.yaml", "apiVersion: [\n")
    assert "the default policy applies" in foo.llamagate("recover", "--abandon").err
    assert not foo.journal.exists()


def test_recover_abandon_beside_a_damaged_record_says_what_is_left_to_do(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    (foo.ours / "record.json").write_text("{")
    assert "'llamagate sync'" in failure(foo, "recover", "--abandon").message
    assert not foo.journal.exists()


@pytest.mark.parametrize("is_copied", [False, True], ids=["moved", "copied"])
def test_a_home_that_was_moved_while_it_was_changed_is_left_alone(foo: Session, is_copied: bool) -> None:
    """The journal holds absolute paths: a copy must not change the home that it was copied from."""
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    moved = foo.base / "moved"
    shutil.copytree(foo.home, moved, symlinks=True)
    if not is_copied:
        shutil.rmtree(foo.home)
    before = (snapshot(moved / "extensions"), snapshot(moved / "registry"), snapshot(foo.home))
    failed = failure(foo, "recover", "--home", moved, exits=7)
    assert failed.code == "needs-recovery"
    for fact in (moved, f"{foo.home}/extensions/installed/foo", "'llamagate recover --abandon'"):
        assert str(fact) in failed.message
    assert (snapshot(moved / "extensions"), snapshot(moved / "registry"), snapshot(foo.home)) == before
    foo.llamagate("recover", "--abandon", "--home", moved)
    assert foo.llamagate("verify", "--home", moved).code == 0


def test_recover_abandon_of_nothing_says_so(foo: Session) -> None:
    before = foo.everything()
    assert foo.llamagate("recover", "--abandon", "--json").json == {"recovered": "none"}
    assert foo.everything() == before
