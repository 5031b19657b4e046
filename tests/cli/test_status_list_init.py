"""Looking: ``status``, ``list``, ``schema``, ``validate``; starting: ``init``; and ``recover``."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.documents.schemas import SCHEMA_NAMES
from tests.cli.shell import Session, interrupt_apply, snapshot, stamps
from tests.conftest import PROJECT
from tests.support.packages import MANIFEST, pack

STATUS_KEYS = [
    "in_sync",
    "generation",
    "pending",
    "drift",
    "hold",
    "transaction",
    "gateway",
    "items",
    "suspensions",
    "watcher",
    "unreachable",
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
    said = foo.llamagate("status")
    assert (said.out, said.err) == ("In sync (generation 1).\n  1 item installed; no gateway to ask\n", "")
    document = foo.llamagate("status", "--json").json
    assert list(document) == STATUS_KEYS
    assert list(document["items"][0]) == ITEM_KEYS
    assert {key: document[key] for key in STATUS_KEYS[:6]} == {
        "in_sync": True,
        "generation": 1,
        "pending": 0,
        "drift": [],
        "hold": None,
        "transaction": "none",
    }


def test_status_before_anything(session: Session) -> None:
    said = session.llamagate("status")
    assert said.out == (
        "Generation 0; no desired state here to compare with.\n  0 items installed; no gateway to ask\n"
    )
    assert not session.home.exists()


def test_status_says_what_differs_and_what_to_do(foo: Session) -> None:
    foo.extensions("foo", "bar")
    foo.installed("foo", "templates/a.txt").write_text("mine\n")
    said = foo.llamagate("status")
    assert said.out == (
        "Not in sync (generation 1).\n"
        "  drift: foo: templates/a.txt was changed by hand\n"
        "  'llamagate status --diff ID' shows what was changed\n"
        "  1 change pending; 'llamagate plan' shows what\n"
        "  the lock does not fit; 'llamagate lock', or an apply, renews it:\n"
        "    bar: not locked yet (now 1.0.0)\n"
        "  1 item installed; no gateway to ask\n"
    )
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
    said = foo.llamagate("status")
    assert said.out.splitlines()[:2] == [
        "Generation 1; no desired state here to compare with.",
        "  drift: foo: manifest.yaml was changed by hand",
    ]
    assert foo.llamagate("status", "--json").json["in_sync"] is False


def test_status_sees_a_lock_that_is_gone(foo: Session) -> None:
    (foo.project / "llamagate.lock.yaml").unlink()
    said = foo.llamagate("status")
    assert "    foo: not locked yet (now 1.0.0)\n" in said.out
    foo.llamagate("apply")
    assert foo.llamagate("status").out.startswith("In sync")


# Status --diff


def test_diff_shows_what_was_changed_by_hand(foo: Session) -> None:
    foo.installed("foo", "templates/a.txt").write_text("one\n2\n")
    said = foo.llamagate("status", "--diff", "foo")
    assert said.out == (
        "--- foo/templates/a.txt (as installed)\n+++ foo/templates/a.txt (now)\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    )
    assert foo.llamagate("status", "--diff", "foo", "--json").json == {"id": "foo", "diff": said.out}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "foo/templates/a.txt is missing\n"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "foo/templates/a.txt differs, and is not text\n"),
        (lambda path: shutil.rmtree(path.parents[1]), "foo/manifest.yaml is missing\nfoo/templates/a.txt is missing\n"),
        (lambda path: (path.parent / "mine").write_text("x"), "foo: its files are as they were installed.\n"),
        (lambda path: None, "foo: its files are as they were installed.\n"),
    ],
    ids=["missing", "binary", "folder", "local", "nothing"],
)
def test_diff_of_what_is_no_changed_text(foo: Session, change: Callable[[Path], None], message: str) -> None:
    change(foo.installed("foo", "templates/a.txt"))
    assert foo.llamagate("status", "--diff", "foo").out == message


def test_diff_of_an_unknown_item_suggests_one(foo: Session) -> None:
    said = foo.llamagate("status", "--diff", "fo", exits=1)
    assert said.err == "llamagate: llamagate has not installed any 'fo'; did you mean 'foo'?\n"


def test_diff_works_when_the_source_is_gone(foo: Session) -> None:
    shutil.rmtree(foo.project / "packages")
    foo.installed("foo", "templates/a.txt").write_text("one\n")
    assert "-two\n" in foo.llamagate("status", "--diff", "foo").out


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS.keys())
def test_diff_hides_values_from_the_environment(session: Session, value: str) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}, n: 1}}}\n")
    session.variables["FOO_TOKEN"] = value
    session.llamagate("apply")
    manifest = session.installed("foo", "manifest.yaml")
    manifest.write_bytes(manifest.read_bytes() + b"# my own note\n")
    said = session.llamagate("status", "--diff", "foo").out
    added, removed = (re.findall(rf"^[{sign}](?!{re.escape(sign * 2)}).*", said, re.MULTILINE) for sign in "+-")
    assert (added, removed) == (["+# my own note"], [])
    assert value not in said
    assert "hunter2" not in said


def test_diff_hides_a_value_that_was_changed_by_hand(session: Session) -> None:
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: FOO_TOKEN}}}}\n")
    session.variables["FOO_TOKEN"] = "hunter2"  # noqa: S105 - a test's
    session.llamagate("apply")
    session.edit(session.installed("foo", "manifest.yaml"), "hunter2", "hunter3")
    said = session.llamagate("status", "--diff", "foo").out
    assert said == (
        "foo/manifest.yaml differs in what is not shown: a value from the environment, or the text around it\n"
    )


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


def test_list_of_nothing(session: Session) -> None:
    assert session.llamagate("list").out == "Nothing is installed.\n"
    assert session.llamagate("list", "--json").json == {"items": []}
    assert not session.home.exists()


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
    said = session.llamagate("init", exits=1)
    assert said.err == "llamagate: llamagate.yaml exists; it is not overwritten\n  → name another one with -f\n"
    assert (session.project / "llamagate.yaml").read_text() == "mine\n"


def test_init_where_it_cannot_write(session: Session) -> None:
    said = session.llamagate("init", "-f", "nowhere/x.yaml", exits=1)
    assert re.match(r"llamagate: nowhere/x\.yaml: .*; it was not written\n", said.err)


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
    assert said.err == (
        "llamagate: broken is left out: it is no valid package; 'llamagate validate' on its folder says why\n"
    )
    assert (session.project / "llamagate.yaml").read_text() == (
        "# What this LlamaGate installation holds, as it was found. 'llamagate apply' adopts it: nothing is "
        "rewritten.\n"
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


def test_init_from_installed_does_not_overwrite_packages(session: Session) -> None:
    session.write(str(session.installed("foo", "manifest.yaml")), MANIFEST.format(id="foo", version="1.0.0"))
    session.write("packages/foo/mine", "mine\n")
    before = session.everything()
    said = session.llamagate("init", "--from-installed", exits=1)
    assert said.err == (
        f"llamagate: {session.project / 'packages/foo'} exists; it is not overwritten\n  → move it aside\n"
    )
    assert session.everything() == before


def test_init_from_installed_of_nothing(session: Session) -> None:
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
    assert session.llamagate("validate").out == (
        "llamagate.yaml is valid: 2 items\n"
        "./packages/foo is valid: extension foo 1.0.0, gateway dialect, 1 file\n"
        "./packages/bar is valid: extension bar 1.0.0, gateway dialect, 1 file\n"
    )
    assert list(session.llamagate("validate", "--json").json) == ["valid", "checked", "warnings"]
    assert not session.home.exists()


def test_validate_collects_the_faults_of_all_packages(session: Session) -> None:
    session.extensions("foo", "bar")
    for item in ("foo", "bar"):
        session.edit(f"packages/{item}/manifest.yaml", "type: workflow", "type: workflw")
    said = session.llamagate("validate", exits=1)
    assert said.err.splitlines()[0] == "llamagate: llamagate.yaml: 2 items cannot be used"
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
    said = session.llamagate("validate", target)
    assert said.out == f"{target} is valid: extension foo 1.0.0, gateway dialect, 2 files\n"


def test_validate_a_bad_package_names_each_fault_with_its_place(session: Session) -> None:
    session.write("foo/manifest.yaml", "name: foo\nversion: one\ndescription: x\ntype: workflow\nsteps: []\n")
    said = session.llamagate("validate", "foo", exits=1)
    assert said.err.splitlines()[0] == "llamagate: foo is not a valid package: 2 faults"
    assert [line.split(": ")[0] for line in said.err.splitlines()[1:]] == [
        "  foo/manifest.yaml:2:1",
        "  foo/manifest.yaml:5:1",
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nope.yaml", "nope.yaml: there is no such file"),
        ("nope.zip", "nope.zip: there is no such file"),
        ("nope", "nope: there is no such file"),
        (
            ".",
            ".: there is no manifest.yaml, extension.yaml or agenticmodule.yaml at its top level",
        ),
    ],
)
def test_validate_of_what_is_not_there(session: Session, target: str, message: str) -> None:
    said = session.llamagate("validate", target, exits=1)
    assert said.err == f"llamagate: {message}\n"


def test_validate_warns_of_what_is_only_strange(session: Session) -> None:
    session.package("foo", files={".DS_Store": "x"})
    said = session.llamagate("validate", "packages/foo")
    assert re.match(r"llamagate: warning: .*\.DS_Store", said.err)
    assert len(session.llamagate("validate", "packages/foo", "--json").json["warnings"]) == 1


# Recover


def test_recover_where_nothing_happened(foo: Session) -> None:
    before = foo.everything()
    assert foo.llamagate("recover").out == "Nothing was interrupted.\n"
    assert foo.llamagate("recover", "--json").json == {"recovered": "none"}
    assert foo.everything() == before


def test_recover_finishes_what_was_committed(foo: Session) -> None:
    foo.package("foo", version="2.0.0")
    interrupt_apply(foo)
    assert foo.llamagate("recover").out == "An interrupted change was finished.\n"
    assert foo.registered()["foo"]["version"] == "2.0.0"
    assert foo.llamagate("status").out.startswith("In sync (generation 2).")


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
    said = foo.llamagate("recover", "--abandon")
    assert said.out == "Everything was kept as it is; 'llamagate plan' shows what differs.\n"
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
    said = foo.llamagate("recover", "--abandon", exits=1)
    assert said.err.endswith("; everything was kept as it is, and 'llamagate sync' is still to be run\n")
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
    said = foo.llamagate("recover", "--home", moved, exits=7)
    assert said.err == (
        f"llamagate: {moved} was moved or copied while a change was under way: "
        f"its journal names {foo.home}/extensions/installed/foo\n"
        "  → nothing was touched; move it back and run 'llamagate recover', "
        "or 'llamagate recover --abandon' keeps everything as it is\n"
    )
    assert (snapshot(moved / "extensions"), snapshot(moved / "registry"), snapshot(foo.home)) == before
    foo.llamagate("recover", "--abandon", "--home", moved)
    assert foo.llamagate("verify", "--home", moved).code == 0


def test_recover_abandon_of_nothing_says_so(foo: Session) -> None:
    assert foo.llamagate("recover", "--abandon").out == "Nothing was interrupted.\n"
