"""From a package's files to its facts: the forms, what is wrong with one and where, and what is only strange."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.codes import WarningCode
from reconciler.errors import ExitCode, InputError, LlamagateError, RefusedError
from reconciler.model.desired import Limits
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.note import Note
from reconciler.model.package import Dialect, Manifest, Package
from reconciler.packages.folder import open_folder
from reconciler.packages.manifest import read_package
from tests.support.packages import MemoryContent

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "samples" / "extensions"
EXAMPLES = ROOT / "examples"

GATEWAY = "name: a\nversion: 1.10.0\ndescription: d\ntype: workflow\nsteps: [{uses: x}]\n"
HOOKS = "name: a\nversion: 1.0.0\ndescription: d\ntype: observer\nhooks: [{on: request}]\n"
TASK = "name: a\nversion: 1.0.0\ntask: {type: model}\n"
PACKAGING = "id: a\nname: A\nversion: 1.0.0\n"
MODULE = "name: m\nversion: 1.0.0\ndescription: d\nsteps: [{extension: x}]\n"
TASK_MODULE = "name: m\nversion: 1.0.0\nworkflow: {steps: [{extension: extensions/x.yaml}]}\n"

Files = Mapping[str, str | bytes]


def package(files: Files) -> Package:
    return read_package(MemoryContent(files), name="p")


def refused(files: Files) -> LlamagateError:
    with pytest.raises(LlamagateError) as caught:
        package(files)
    return caught.value


def faults(files: Files) -> list[str]:
    error = refused(files)
    assert isinstance(error, InputError)
    return [str(fault) for fault in error.faults]


# --- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "dialect", "definition", "loadable"),
    [
        ({"manifest.yaml": GATEWAY}, Dialect.GATEWAY, "manifest.yaml", True),
        ({"manifest.yaml": HOOKS}, Dialect.GATEWAY, "manifest.yaml", True),
        ({"manifest.yaml": GATEWAY, "extension.yaml": "{}"}, Dialect.GATEWAY, "manifest.yaml", True),
        ({"manifest.yaml": GATEWAY, "extension.yaml": TASK}, Dialect.GATEWAY, "manifest.yaml", True),
        ({"extension.yaml": GATEWAY}, Dialect.DEFINITION, "extension.yaml", True),
        ({"extension.yaml": HOOKS}, Dialect.DEFINITION, "extension.yaml", True),
        ({"extension.yaml": TASK}, Dialect.TASK, "extension.yaml", False),
        ({"agenticmodule.yaml": MODULE}, Dialect.GATEWAY, "agenticmodule.yaml", True),
        ({"agenticmodule.yaml": MODULE, "module.yaml": "id: m"}, Dialect.GATEWAY, "agenticmodule.yaml", True),
        ({"agenticmodule.yaml": TASK_MODULE, "extensions/x.yaml": TASK}, Dialect.TASK, "agenticmodule.yaml", False),
    ],
    ids=[
        *("manifest", "hooks", "with packaging", "with a task beside it", "definition", "definition with hooks"),
        *("task", "module", "module with packaging", "task module"),
    ],
)
def test_forms(files: Files, dialect: Dialect, definition: str, loadable: bool) -> None:
    found = package(files).manifest
    assert (found.dialect, found.definition, found.loadable) == (dialect, definition, loadable)
    assert found.kind is (Kind.MODULE if definition == "agenticmodule.yaml" else Kind.EXTENSION)


def test_the_installed_definition_is_what_the_gateway_reads() -> None:
    assert package({"extension.yaml": GATEWAY}).manifest.installed_definition == "manifest.yaml"
    assert package({"extension.yaml": TASK}).manifest.installed_definition == "extension.yaml"


def test_all_facts() -> None:
    packaging = "id: item\nenabled_default: false\nhot_reload: false\n"
    found = package({"manifest.yaml": GATEWAY + "builtin: true\n", "extension.yaml": packaging}).manifest
    assert found == Manifest(
        kind=Kind.EXTENSION,
        id="item",
        name="a",
        version="1.10.0",
        dialect=Dialect.GATEWAY,
        definition="manifest.yaml",
        loadable=True,
        builtin=True,
        enabled_default=False,
        hot_reload=False,
    )


def test_checksums_are_no_part_of_the_package() -> None:
    with_list = package({"manifest.yaml": GATEWAY, "checksums.txt": checksums({"manifest.yaml": GATEWAY})})
    assert with_list.tree == package({"manifest.yaml": GATEWAY}).tree
    assert [entry.path for entry in with_list.files] == ["manifest.yaml"]


@pytest.mark.parametrize(
    ("manifest", "packaging", "enabled"),
    [
        ("", "", True),
        ("enabled: false\n", "", False),
        ("enabled: false\n", "enabled_default: true\n", True),
        ("enabled: true\n", "enabled_default: false\n", False),
        ("enabled_default: false\n", "", False),
        ("enabled: off\n", "", False),
        ("", "enabled_default: No\n", False),
    ],
)
def test_enabled_by_default(manifest: str, packaging: str, enabled: bool) -> None:
    files = {"manifest.yaml": GATEWAY + manifest} | ({"extension.yaml": packaging} if packaging else {})
    assert package(files).manifest.enabled_default is enabled


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (
            {"manifest.yaml": "name: a\ntype: workflow\nsteps: []\n"},
            [
                "p/manifest.yaml:1:1: 'version' is missing",
                "p/manifest.yaml:1:1: 'description' is missing",
                "p/manifest.yaml:3:1: steps: needs at least one entry",
            ],
        ),
        (
            {"manifest.yaml": GATEWAY.replace("1.10.0", "1.10")},
            ["p/manifest.yaml:2:1: version: a version starts with three numbers, as in 1.2.3"],
        ),
        (
            {"manifest.yaml": GATEWAY.replace("name: a", "name: a b")},
            ["p/manifest.yaml:1:1: name: an id has only letters, digits, '_' and '-'"],
        ),
        (
            {"manifest.yaml": GATEWAY.replace("workflow", "worker")},
            ["p/manifest.yaml:4:1: type: expected one of workflow, middleware, observer; found 'worker'"],
        ),
        (
            {"manifest.yaml": GATEWAY + "inputs:\n  - {id: x, type: text}\n  - {type: string}\n"},
            [
                "p/manifest.yaml:7:13: inputs[0].type: expected one of string, number, boolean, object, array; "
                "found 'text'",
                "p/manifest.yaml:8:5: inputs[1]: 'id' is missing",
            ],
        ),
        (
            {"manifest.yaml": GATEWAY + "endpoints:\n  - {path: x, method: GETS}\n"},
            [
                "p/manifest.yaml:7:6: endpoints[0].path: the path of an endpoint starts with '/'",
                "p/manifest.yaml:7:15: endpoints[0].method: "
                "expected one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS",
            ],
        ),
        (
            {"manifest.yaml": HOOKS + "endpoints: [{path: /x, method: get}]\n"},
            ["p/manifest.yaml:6:1: endpoints: only a workflow has endpoints"],
        ),
        (
            {"manifest.yaml": HOOKS.replace("on: request", "match: {}")},
            ["p/manifest.yaml:5:9: hooks[0]: 'on' is missing"],
        ),
        (
            {"manifest.yaml": GATEWAY + "enabled: maybe\n"},
            ["p/manifest.yaml:6:1: enabled: expected true or false, found text"],
        ),
        ({"manifest.yaml": "name: [\n"}, ["p/manifest.yaml:2:1: not valid YAML: did not find expected node content"]),
        ({"manifest.yaml": ""}, ["p/manifest.yaml:1:1: the file is empty"]),
        ({"manifest.yaml": "- a\n"}, ["p/manifest.yaml:1:1: expected a mapping, found a list"]),
        ({"manifest.yaml": b"name: \xff\n"}, ["p/manifest.yaml:1:7: byte 0xff is not UTF-8; save the file as UTF-8"]),
        ({"extension.yaml": "name: [\n"}, ["p/extension.yaml:2:1: not valid YAML: did not find expected node content"]),
        (
            {"manifest.yaml": GATEWAY, "extension.yaml": "id: a b\nload_mode: never\n"},
            [
                "p/extension.yaml:1:1: id: an id has only letters, digits, '_' and '-'",
                "p/extension.yaml:2:1: load_mode: expected one of eager, lazy; found 'never'",
            ],
        ),
        (
            {"manifest.yaml": GATEWAY.replace("name: a", "name: CON")},
            ["p/manifest.yaml:1:1: name: the id 'CON': this name is a device on Windows"],
        ),
        (
            {"manifest.yaml": GATEWAY, "extension.yaml": "name: x\nid: backups\n"},
            ["p/extension.yaml:2:1: id: the id 'backups': the gateway uses this name for itself"],
        ),
        (
            {"extension.yaml": PACKAGING},
            ["p/extension.yaml:1:1: this is packaging metadata only; the package also needs a manifest.yaml"],
        ),
        (
            {"extension.yaml": TASK.replace("model", "magic")},
            ["p/extension.yaml:3:8: task.type: expected one of model, rules; found 'magic'"],
        ),
        (
            {"extension.yaml": TASK + "inputs: {type: strange}\n"},
            ["p/extension.yaml:4:10: inputs.type: this is not valid here"],
        ),
        (
            {"readme.md": "x"},
            ["p: there is no manifest.yaml, extension.yaml or agenticmodule.yaml at its top level"],
        ),
        (
            {"agenticmodule.yaml": MODULE, "manifest.yaml": GATEWAY},
            ["p: it holds both agenticmodule.yaml and manifest.yaml; a package is a module or an extension"],
        ),
        (
            {"agenticmodule.yaml": MODULE, "extension.yaml": TASK},
            ["p: it holds both agenticmodule.yaml and extension.yaml; a package is a module or an extension"],
        ),
        (
            {"agenticmodule.yaml": "name: m\nversion: 1.0.0\ndescription: d\nsteps: [{on_error: panic}]\n"},
            [
                "p/agenticmodule.yaml:4:9: steps[0]: 'extension' is missing",
                "p/agenticmodule.yaml:4:10: steps[0].on_error: expected one of stop, continue; found 'panic'",
            ],
        ),
        (
            {"agenticmodule.yaml": TASK_MODULE},
            [
                "p/agenticmodule.yaml:3:21: workflow.steps[0].extension: the package holds no extension "
                "'extensions/x.yaml'"
            ],
        ),
        (
            {"agenticmodule.yaml": MODULE.replace("extension: x", "extension: extensions/gone.yaml")},
            ["p/agenticmodule.yaml:4:10: steps[0].extension: the package holds no extension 'extensions/gone.yaml'"],
        ),
        (
            {
                "agenticmodule.yaml": MODULE,
                "module.yaml": "entry_workflow: ''\n",
                "extensions/x.yaml": "name: x\ntype: 1\n",
            },
            [
                "p/module.yaml:1:1: entry_workflow: must not be empty",
                "p/extensions/x.yaml:1:1: 'version' is missing",
                "p/extensions/x.yaml:1:1: 'description' is missing",
                "p/extensions/x.yaml:2:1: type: expected one of workflow, middleware, observer; found a whole number",
            ],
        ),
    ],
    ids=[
        *("several at once", "version", "name", "type", "inputs", "endpoints", "endpoints of an observer", "hook"),
        *("no boolean", "no YAML", "empty", "a list", "not UTF-8", "no YAML, by itself", "packaging", "device"),
        *("reserved id in the packaging", "packaging only", "task", "task with a wrong schema", "no manifest"),
        *("both kinds", "both kinds, by packaging", "module step", "bundled file missing", "bundled file missing too"),
        "every file of a module",
    ],
)
def test_faults(files: Files, found: list[str]) -> None:
    assert faults(files) == found


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("name: a\n", "p is not a valid package: 3 faults"),
        (GATEWAY + "builtin: 1\n", "p/manifest.yaml:6:1: builtin: expected true or false, found a whole number"),
    ],
)
def test_they_are_counted(manifest: str, message: str) -> None:
    assert str(refused({"manifest.yaml": manifest})) == message


# --- modules ---------------------------------------------------------------------------------------------------------


def test_a_module_requires_what_it_does_not_bring() -> None:
    steps = "steps: [{extension: x}, {extension: brought}, {extension: extensions/two.yml}, {extension: x}]\n"
    files = {
        "agenticmodule.yaml": MODULE.partition("steps")[0] + steps,
        "extensions/one.yaml": GATEWAY.replace("name: a", "name: brought"),
        "extensions/two.yml": TASK.replace("name: a", "name: two"),
        "extensions/notes.txt": "no extension",
        "extensions/deep/three.yaml": "no extension either",
        "tests/x.yaml": "nor this",
    }
    found = package(files).manifest
    assert found.requires == ("x",)


# --- what is only strange --------------------------------------------------------------------------------------------


def told(found: Package) -> list[tuple[str, str]]:
    return [(note.code, note.message) for note in found.warnings]


@pytest.mark.parametrize("word", ["yes", "On", "y"])
def test_words_that_the_gateway_takes_for_true(word: str) -> None:
    found = package({"manifest.yaml": f"{GATEWAY}builtin: {word}\n"})
    assert found.manifest.builtin
    assert told(found) == [("boolean-word", f"p/manifest.yaml: 'builtin: {word}' is read as true; write that")]


def test_words_for_booleans_in_every_place() -> None:
    more = "inputs: [{id: x, type: string, required: no}]\nendpoints: [{path: /x, method: GET, requires_auth: off}]\n"
    found = package({"manifest.yaml": GATEWAY + more, "extension.yaml": "autostart: yes\n"})
    assert told(found) == [
        ("boolean-word", "p/manifest.yaml: 'required: no' is read as false; write that"),
        ("boolean-word", "p/manifest.yaml: 'requires_auth: off' is read as false; write that"),
        ("boolean-word", "p/extension.yaml: 'autostart: yes' is read as true; write that"),
    ]


@pytest.mark.parametrize("word", ["true", "True", "false"])
def test_booleans_are_not_strange(word: str) -> None:
    assert package({"manifest.yaml": f"{GATEWAY}builtin: {word}\n"}).warnings == ()


def test_an_id_that_is_not_the_name() -> None:
    found = package({"manifest.yaml": GATEWAY, "extension.yaml": "id: b\n"})
    assert found.manifest.id == "b"
    text = "p: id 'b' and name 'a' differ; the gateway looks enablement up by name first"
    assert found.warnings == (Note(WarningCode.ID_AND_NAME, text, ItemKey(Kind.EXTENSION, "b")),)


def test_what_was_left_out_is_passed_on() -> None:
    content = MemoryContent({"manifest.yaml": GATEWAY}, notes=(".DS_Store is ignored",))
    assert told(read_package(content, name="p")) == [("ignored-files", "p: .DS_Store is ignored")]


def test_versions_and_names_stay_text() -> None:
    found = package(
        {"manifest.yaml": GATEWAY.replace("name: a", "name: 0x10").replace("description: d", "description: 1.0")}
    )
    assert (found.manifest.name, found.document["description"]) == ("0x10", "1.0")


# --- checksums -------------------------------------------------------------------------------------------------------


def checksums(files: Mapping[str, str]) -> str:
    return "".join(f"{hashlib.sha256(data.encode()).hexdigest()}  {path}\n" for path, data in files.items())


GOOD = {"manifest.yaml": GATEWAY, "lib/x y.txt": "x"}


def test_the_first_hundred_wrong_checksums_are_told_and_what_is_listed_may_be_anything() -> None:
    listed = "".join(f"{0:064}  {number:03}\x1b\n" for number in range(200))
    found = refused({**GOOD, "checksums.txt": listed}).faults
    assert len(found) == 100
    assert str(found[0]) == r"p/'000\x1b': is listed but missing"


def test_right_checksums() -> None:
    assert package({**GOOD, "checksums.txt": checksums(GOOD)}).manifest.id == "a"


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ({**GOOD, "lib/x y.txt": "y"}, ["p/lib/x y.txt: has other bytes than listed"]),
        ({"manifest.yaml": GATEWAY}, ["p/lib/x y.txt: is not listed"]),
        ({**GOOD, "gone": "x"}, ["p/gone: is listed but missing"]),
        (
            {"gone": "x"},
            ["p/gone: is listed but missing", "p/lib/x y.txt: is not listed", "p/manifest.yaml: is not listed"],
        ),
    ],
    ids=["other bytes", "not listed", "missing", "all at once"],
)
def test_wrong_checksums_are_refused(listed: Mapping[str, str], found: list[str]) -> None:
    error = refused({**GOOD, "checksums.txt": checksums(listed)})
    assert isinstance(error, RefusedError)
    assert error.exit_code is ExitCode.REFUSED
    assert str(error) == "p does not match its checksums.txt"
    assert error.advice == "get the package again, or delete checksums.txt if you changed it yourself"
    assert [str(fault) for fault in error.faults] == found


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda line: line.upper().replace("MANIFEST.YAML", "manifest.yaml"), id="upper case"),
        pytest.param(lambda line: line.replace("  ", " *"), id="read as binary"),
        pytest.param(lambda line: line.replace("  ", "  ./"), id="below ."),
        pytest.param(lambda line: "\ufeff" + line, id="byte order mark"),
        pytest.param(lambda line: line.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda line: f"# made by a tool\n\n{line}  \n", id="comment and blank lines"),
        pytest.param(lambda line: f"{line}{'0' * 64}  checksums.txt\n", id="the list itself"),
    ],
)
def test_checksums_as_tools_write_them(change: Callable[[str], str]) -> None:
    files = {"manifest.yaml": GATEWAY}
    assert package({**files, "checksums.txt": change(checksums(files))}).manifest.id == "a"
    refused({"manifest.yaml": GATEWAY + "#\n", "checksums.txt": change(checksums(files))})


def test_one_file_by_two_names_is_listed_twice() -> None:
    line = checksums({"manifest.yaml": GATEWAY})
    error = refused({"manifest.yaml": GATEWAY, "checksums.txt": line + line.replace("  ", " *./")})
    assert error.faults[0].line == 2


def test_checksums_of_files_that_are_left_out_do_not_count() -> None:
    more = {**GOOD, ".DS_Store": "x", "lib/.DS_Store": "x", "__MACOSX/lib": "x"}
    assert package({**GOOD, "checksums.txt": checksums(more)}).manifest.id == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zz  manifest.yaml\n", "p/checksums.txt:1: a line is '<sha256>  <path>'"),
        (f"{'0' * 63}  manifest.yaml\n", "p/checksums.txt:1: a line is '<sha256>  <path>'"),
        (checksums(GOOD) * 2, "p/checksums.txt:3: one path is listed twice"),
    ],
    ids=["no checksum", "too short", "twice"],
)
def test_checksums_that_are_none(text: str, message: str) -> None:
    error = refused({**GOOD, "checksums.txt": text})
    assert isinstance(error, InputError)
    assert str(error) == message


# --- bad inputs, row 79 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["inputs", "outputs"])
def test_a_catastrophic_pattern_costs_nothing(key: str) -> None:
    schema = '{type: object, properties: {x: {type: string, pattern: "^(a+)+$", default: "' + "a" * 64 + '!"}}}'
    before = time.process_time()
    found = package({"extension.yaml": f"{TASK}{key}: {schema}\n"})
    assert found.manifest.loadable is False
    assert time.process_time() - before < 5


# --- real packages ---------------------------------------------------------------------------------------------------


def folders_with_manifests(root: Path) -> list[Any]:
    names = ("manifest.yaml", "extension.yaml", "agenticmodule.yaml")
    found = sorted({path.parent for name in names for path in root.rglob(name)})
    return [pytest.param(path, id=str(path.relative_to(root))) for path in found]


def read_folder(folder: Path) -> Package:
    return read_package(open_folder(folder, limits=Limits(), name=folder.name), name=folder.name)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published packages are not here")
def test_there_are_published_packages() -> None:
    assert len(folders_with_manifests(SAMPLES)) == 19


@pytest.mark.parametrize("folder", folders_with_manifests(SAMPLES))
def test_published_packages(folder: Path) -> None:
    found = read_folder(folder)
    assert found.manifest.id == folder.name
    assert found.warnings == ()
    expected = {"github-webhook-receiver": Dialect.DEFINITION}.get(folder.name, Dialect.GATEWAY)
    assert found.manifest.dialect is expected


@pytest.mark.parametrize("folder", folders_with_manifests(EXAMPLES))
def test_examples(folder: Path) -> None:
    found = read_folder(folder)
    assert found.manifest.id == folder.name
    assert found.warnings == ()


def test_the_examples_show_every_form() -> None:
    found = [read_folder(param.values[0]).manifest for param in folders_with_manifests(EXAMPLES)]
    forms = {(manifest.kind, manifest.dialect) for manifest in found}
    modules = {(Kind.MODULE, Dialect.GATEWAY), (Kind.MODULE, Dialect.TASK)}
    assert forms == {(Kind.EXTENSION, dialect) for dialect in Dialect} | modules


# --- cost ------------------------------------------------------------------------------------------------------------

LINES = "# one line of a comment\n" * 20_000


def test_the_yaml_of_a_package_is_bounded() -> None:
    bundled = {f"extensions/{number}.yaml": GATEWAY + LINES for number in range(9)}
    assert faults({"agenticmodule.yaml": MODULE, **bundled}) == [
        "p/extensions/2.yaml: with this file, the YAML of the package has more than 1 MiB"
    ]
    assert package({"manifest.yaml": GATEWAY, **bundled}).manifest.id == "a"


def test_faults_come_by_the_hundred_and_then_nothing_more_is_read() -> None:
    bundled = {f"extensions/{number:03}.yaml": "name: [" for number in range(200)}
    assert len(faults({"agenticmodule.yaml": MODULE, **bundled})) == 100


def test_many_missing_extensions_are_found_in_one_pass() -> None:
    steps = "".join(f"  - extension: extensions/{number}.yaml\n" for number in range(5_000))
    found = faults({"agenticmodule.yaml": f"name: m\nversion: 1.0.0\ndescription: d\nsteps:\n{steps}"})
    assert len(found) == 100
    assert found[-1] == (
        "p/agenticmodule.yaml:104:5: steps[99].extension: the package holds no extension 'extensions/99.yaml'"
    )
