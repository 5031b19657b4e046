"""The schemas themselves, and what is said about documents that do not keep to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from reconciler.documents import schemas
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.auth import AuthKind
from reconciler.model.config import Json
from reconciler.model.desired import Desired, DriftRule, GatewaySettings, Limits, Policy, ReloadRule
from reconciler.model.ids import MAX_ID_CHARACTERS, PACKAGE_KINDS
from reconciler.model.lock import Lock
from reconciler.model.plan import ActionKind
from reconciler.model.source import Source, SourceKind, SourceRules

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "samples" / "extensions"
DEFINITIONS = ("extension-manifest#/$defs/task", "module-manifest#/$defs/task")


def document(name: str) -> Any:
    name, _, pointer = name.partition("#/$defs/")
    root = json.loads(schemas.schema_text(name))
    return root["$defs"][pointer] if pointer else root


def faults(text: str, schema: str) -> list[str]:
    data = text.encode()
    value = yaml_text.load(data, name="x.yaml", text_keys=frozenset([(1, "version"), (3, "version")]))
    return [str(fault).removeprefix("x.yaml:") for fault in schemas.faults_of(value, schema, data=data, file="x.yaml")]


def subschemas(node: Json) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for key, below in node.items():
            if key not in ("examples", "default", "const", "enum"):
                yield from subschemas(below)
    elif isinstance(node, list):
        for below in node:
            yield from subschemas(below)


@pytest.mark.parametrize("name", schemas.SCHEMA_NAMES)
def test_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = document(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:llamagate:schema:{name}"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", [*schemas.SCHEMA_NAMES, *DEFINITIONS])
def test_examples_validate_here_and_in_any_other_validator(name: str) -> None:
    schema = document(name)
    assert schema["examples"]
    for example in schema["examples"]:
        assert schemas.faults_of(example, name, data=b"", file="x") == ()
        Draft202012Validator({**document(name.partition("#")[0]), **schema}).validate(example)


@pytest.mark.parametrize("name", schemas.SCHEMA_NAMES)
def test_every_property_is_described_and_its_examples_and_default_validate(name: str) -> None:
    root = document(name)
    for node in subschemas(root):
        for key, below in node.get("properties", {}).items():
            if node.keys() & {"title", "description"}:
                shown = target(below, root) | below
                assert {"title", "description"} <= shown.keys(), key
                assert shown.keys() & {"examples", "default"} or shown["type"] == "boolean", key
        for example in [*node.get("examples", []), *([node["default"]] if "default" in node else [])]:
            Draft202012Validator({"$defs": root.get("$defs", {}), **node}).validate(example)


def target(node: dict[str, Any], root: Any) -> dict[str, Any]:
    pointer = node.get("$ref", "").removeprefix("#/$defs/")
    return root["$defs"][pointer] if pointer else {}


@pytest.mark.parametrize("name", schemas.SCHEMA_NAMES)
def test_patterns_are_anchored_and_explained(name: str) -> None:
    for node in subschemas(document(name)):
        if "pattern" in node:
            assert node["pattern"].startswith("^")
            assert "$" not in node["pattern"][:-1]
            assert node["patternErrorMessage"]
        assert not node.keys() & {"oneOf", "anyOf", "allOf", "not", "patternProperties", "dependentSchemas"}


def test_the_folder_holds_exactly_the_schemas() -> None:
    assert sorted(path.name for path in (ROOT / "schemas").iterdir()) == [
        f"{n}.schema.json" for n in schemas.SCHEMA_NAMES
    ]


def test_unknown_schema_names_read_no_file() -> None:
    with pytest.raises(KeyError):
        schemas.schema_text("../pyproject")


def test_the_desired_state_schema_has_the_words_of_the_model() -> None:
    root = document("desired-state")
    policy, gateway = root["properties"]["policy"]["properties"], root["properties"]["gateway"]["properties"]
    own = {"ref", "path", "version", "sha256", "mirrors", "auth"}
    assert set(root["$defs"]["source"]["properties"]) == set(SourceKind) | own
    assert set(root["$defs"]["auth"]["properties"]) == set(AuthKind)
    assert tuple(policy["drift"]["properties"]["edited"]["enum"]) == get_args(DriftRule)
    assert tuple(gateway["reload"]["enum"]) == get_args(ReloadRule)
    assert root["$defs"]["id"]["maxLength"] == MAX_ID_CHARACTERS
    assert set(document("lock")["$defs"]["item"]["properties"]["kind"]["enum"]) == set(PACKAGE_KINDS)
    assert set(document("plan")["properties"]["actions"]["items"]["properties"]["action"]["enum"]) == set(ActionKind)


def test_defaults_of_the_desired_state_schema_are_those_of_the_model() -> None:
    root = document("desired-state")
    policy, gateway = root["properties"]["policy"]["properties"], root["properties"]["gateway"]["properties"]

    def defaults(properties: dict[str, Any]) -> dict[str, Any]:
        nested = {key: defaults(below["properties"]) for key, below in properties.items() if "properties" in below}
        return nested | {key: below["default"] for key, below in properties.items() if "default" in below}

    assert Policy.from_document(defaults(policy)) == Policy()
    assert Limits(**defaults(policy["limits"]["properties"])) == Limits()
    assert SourceRules.from_document(defaults(policy["sources"]["properties"])) == SourceRules()
    assert GatewaySettings.from_document(defaults(gateway)) == GatewaySettings()


def test_the_model_decodes_what_the_schemas_accept() -> None:
    (example,) = document("desired-state")["examples"]
    desired = Desired.from_document(example, file="/x/llamagate.yaml")
    assert [item.key.id for item in desired.items] == ["urgency_router", "cost-analyst", "intake_and_routing"]
    (example,) = document("lock")["examples"]
    (item,) = Lock.from_document(example).items
    assert item.source == Source(SourceKind.DIR, "./packages/urgency_router")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample packages are not beside the project")
def test_every_sample_passes_and_reads_as_other_readers_read_it() -> None:
    manifests = [*SAMPLES.rglob("manifest.yaml"), SAMPLES / "github-webhook-receiver" / "extension.yaml"]
    assert len(manifests) == 19
    for path in manifests:
        assert faults(path.read_text("utf-8"), "extension-manifest") == [], path
    task = (SAMPLES / "intake_structured_summary" / "extension.yaml").read_text("utf-8")
    assert faults(task, "extension-manifest#/$defs/task") == []
    assert faults(task, "extension-packaging") == []


HEAD = "apiVersion: llamagate/v1\n"
DESIRED: dict[str, tuple[str, list[str]]] = {
    "least": (HEAD, []),
    "empty-sections": (HEAD + "extensions:\nmodules:\n", []),
    "no-version": ("owner: a\n", ["1:1: 'apiVersion' is missing; write apiVersion: llamagate/v1"]),
    "row-108-newer-version": (
        "apiVersion: llamagate/v2\n",
        ["1:1: apiVersion: expected 'llamagate/v1', found 'llamagate/v2'"],
    ),
    "owner": (HEAD + "owner: a b\n", ["2:1: owner: an id has only letters, digits, '_' and '-'"]),
    "owner-number": (HEAD + "owner: 7\n", ["2:1: owner: expected text, found a whole number; quote it"]),
    "row-110-id": (
        HEAD + "extensions: {a/b: x}\n",
        ["2:14: extensions['a/b']: an id has only letters, digits, '_' and '-'"],
    ),
    "row-110-id-line-break": (
        HEAD + 'extensions: {"a\\n": x}\n',
        ["2:14: extensions['a\\n']: an id has only letters, digits, '_' and '-'"],
    ),
    "row-110-id-long": (
        HEAD + f"modules: {{{'a' * 129}: x}}\n",
        [f"2:11: modules.{'a' * 129}: longer than 128 characters"],
    ),
    "url": (
        HEAD + "extensions: {a: 'ftp://x/y.zip'}\n",
        [
            "2:14: extensions.a: expected a folder, a .zip or .tar.gz file or a URL (http, https, ssh or oci), "
            "without user and password: credentials go to `auth`"
        ],
    ),
    "url-in-source": (
        HEAD + "extensions: {a: {source: 'git://x'}}\n",
        [
            "2:18: extensions.a.source: expected a folder, a .zip or .tar.gz file or a URL (http, https, ssh or oci), "
            "without user and password: credentials go to `auth`"
        ],
    ),
    "nul-in-source": (
        HEAD + 'extensions: {a: {source: {dir: "x\\0"}}}\n',
        ["2:27: extensions.a.source.dir: expected a path; a URL goes to `http`, `git`, `catalog` or `oci`"],
    ),
    "empty-source": (HEAD + "extensions: {a: ''}\n", ["2:14: extensions.a: must not be empty"]),
    "no-source": (HEAD + "extensions: {a: {enabled: true}}\n", ["2:14: extensions.a: 'source' is missing"]),
    "nothing-for-an-item": (
        HEAD + "extensions: {a: }\n",
        ["2:14: extensions.a: expected text or a mapping, found nothing"],
    ),
    "two-sources": (
        HEAD + "extensions: {a: {source: {dir: x, zip: y}}}\n",
        ["2:18: extensions.a.source: give exactly one of dir, zip, tar, http, git, catalog, oci"],
    ),
    "no-kind-of-source": (
        HEAD + "extensions: {a: {source: {}}}\n",
        ["2:18: extensions.a.source: give exactly one of dir, zip, tar, http, git, catalog, oci"],
    ),
    "user-in-url": (
        HEAD + "extensions: {a: 'https://u:secret@x/y.zip'}\n",
        [
            "2:14: extensions.a: expected a folder, a .zip or .tar.gz file or a URL (http, https, ssh or oci), "
            "without user and password: credentials go to `auth`"
        ],
    ),
    "user-in-a-repository": (
        HEAD + "extensions: {a: {source: {git: 'ssh://u:secret@x/y'}}}\n",
        [
            "2:27: extensions.a.source.git: expected the URL of a repository, without user and password "
            "(credentials go to `auth`)"
        ],
    ),
    "field-of-another-kind": (
        HEAD + "extensions: {a: {source: {git: 'https://x/y', sha256: '%s'}}}\n" % ("0" * 64),
        ["2:47: extensions.a.source.sha256: unknown field 'sha256'; known are git, ref, path, version, auth"],
    ),
    "netrc-or-not": (
        HEAD + "extensions: {a: {source: {http: 'https://x/y', auth: {netrc: false}}}}\n",
        ["2:55: extensions.a.source.auth.netrc: expected true, found false"],
    ),
    "fragment": (
        HEAD + "extensions: {a: 'https://x/y.zip#z'}\n",
        [
            "2:14: extensions.a: expected a folder, a .zip or .tar.gz file or a URL (http, https, ssh or oci), "
            "without user and password: credentials go to `auth`"
        ],
    ),
    "every-source": (
        HEAD + "extensions: {a: {source: {git: 'git@x:y', ref: main, path: p, auth: {netrc: true}}},"
        " b: {source: {http: 'https://x/y', mirrors: ['https://z'], auth: {basic_env: A}}},"
        " c: {source: {catalog: ../c, version: ^1}}, d: 'https://x/y.zip?z', e: 'ssh://git@x/y'}\n",
        [],
    ),
    "unknown-kind-of-source": (
        HEAD + "extensions: {a: {source: {svn: x}}}\n",
        ["2:27: extensions.a.source.svn: unknown field 'svn'; known are dir, zip, tar, http, git, catalog, oci"],
    ),
    "version-stays-text": (HEAD + "extensions: {a: {source: x, version: 1.10}}\n", []),
    "null-config": (
        HEAD + "extensions: {a: {source: x, config: }}\n",
        ["2:29: extensions.a.config: expected a mapping, found nothing"],
    ),
    "depends-on": (
        HEAD + "extensions: {a: {source: x, depends_on: [b, b]}}\n",
        ["2:29: extensions.a.depends_on: holds an entry twice"],
    ),
    "policy": (
        HEAD + "policy:\n  prune: all\n  max_prune: 101%\n  backups: 1.0\n  generations: 0\n  drift: {edited: heel}\n",
        [
            "3:3: policy.prune: expected one of owned, never; found 'all'",
            "4:3: policy.max_prune: expected a percentage from 0% to 100%, as in 50%",
            "5:3: policy.backups: expected a whole number, found a number with a decimal point",
            "6:3: policy.generations: must be at least 1",
            "7:11: policy.drift.edited: expected one of report, heal, ignore; found 'heel'",
        ],
    ),
    "policy-limits": (
        HEAD + "policy: {limits: {archive: true, unpacked: 0}}\n",
        [
            "2:19: policy.limits.archive: expected a whole number, found true",
            "2:34: policy.limits.unpacked: must be at least 1",
        ],
    ),
    "gateway": (
        HEAD + "gateway: {url: 'http://u:p@h', reload: no, api_key_env: $K}\n",
        [
            "2:11: gateway.url: expected http://HOST:PORT or https://HOST:PORT, without user, query or fragment",
            "2:32: gateway.reload: expected one of auto, required, off; found 'no'",
            "2:44: gateway.api_key_env: expected the name of an environment variable",
        ],
    ),
    "gateway-of-six": (HEAD + "gateway: {url: 'http://[::1]:11435/base/', reload: off}\n", []),
    "all-at-once-in-the-order-of-the-text": (
        "modules: {a: x, b: [y]}\nextensions: 3\nowner:\n",
        [
            "1:1: 'apiVersion' is missing; write apiVersion: llamagate/v1",
            "1:17: modules.b: expected text or a mapping, found a list",
            "2:1: extensions: expected a mapping, found a whole number",
            "3:1: owner: expected text, found nothing",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), DESIRED.values(), ids=DESIRED.keys())
def test_desired_state(text: str, expected: list[str]) -> None:
    assert faults(text, "desired-state") == expected


LOCK = HEAD + "items:\n- {kind: extension, id: a, source: {zip: x}, version: 1.0.0, tree: 'sha256:%s'}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(LOCK % ("0" * 64), [], id="good"),
        pytest.param(LOCK % "0", ["3:62: items[0].tree: expected sha256: and 64 hexadecimal digits"], id="tree"),
        pytest.param(
            (LOCK % ("0" * 64)).replace("extension", "module"),
            ["3:4: items[0].kind: expected one of extension, agentic-module; found 'module'"],
            id="kind",
        ),
        pytest.param("apiVersion: llamagate/v1\n", ["1:1: 'items' is missing"], id="items"),
        pytest.param(
            LOCK.replace("/v1", "/v2") % ("0" * 64),
            ["1:1: apiVersion: expected 'llamagate/v1', found 'llamagate/v2'"],
            id="row-108-newer",
        ),
    ],
)
def test_lock(text: str, expected: list[str]) -> None:
    assert faults(text, "lock") == expected


WORKFLOW = "name: a\nversion: 1.0.0\ndescription: d\ntype: workflow\n"
OBSERVER = "name: a\nversion: 1.0.0\ndescription: d\ntype: observer\n"
STEPS = "steps: [{uses: x}]\n"
HOOKS = "hooks: [{on: x}]\n"
MANIFESTS: dict[str, tuple[str, list[str]]] = {
    "workflow": (WORKFLOW + STEPS, []),
    "observer": (OBSERVER + HOOKS, []),
    "unknown-fields": (WORKFLOW + "x: 1\nsteps: [{uses: x, name: n, config: {}, outputs: {}}]\n", []),
    "nothing-in-sections": (WORKFLOW + STEPS + "inputs:\noutputs:\nhooks:\nendpoints:\nconfig:\n", []),
    "all-missing": (
        "x: 1\n",
        [
            "1:1: 'name' is missing",
            "1:1: 'version' is missing",
            "1:1: 'description' is missing",
            "1:1: 'type' is missing",
        ],
    ),
    "name": ("name: a b\n" + (WORKFLOW + STEPS)[8:], ["1:1: name: an id has only letters, digits, '_' and '-'"]),
    "version": (
        (WORKFLOW + STEPS).replace("1.0.0", "1.10"),
        ["2:1: version: a version starts with three numbers, as in 1.2.3"],
    ),
    "version-with-a-tail": ((WORKFLOW + STEPS).replace("1.0.0", "1.0.0-beta+7 x"), []),
    "version-in-other-digits": (
        (WORKFLOW + STEPS).replace("1.0.0", "\u0661.\u0660.\u0660"),
        ["2:1: version: a version starts with three numbers, as in 1.2.3"],
    ),
    "type": (
        (WORKFLOW + STEPS).replace("workflow", "workflows"),
        ["4:1: type: expected one of workflow, middleware, observer; found 'workflows'"],
    ),
    "no-steps": (WORKFLOW, ["1:1: 'steps' is missing"]),
    "empty-steps": (WORKFLOW + "steps: []\n", ["5:1: steps: needs at least one entry"]),
    "null-steps": (WORKFLOW + "steps:\n", ["5:1: steps: expected a list, found nothing"]),
    "text-for-steps": (WORKFLOW + "steps: x\n", ["5:1: steps: expected a list, found text"]),
    "step-without-uses": (
        WORKFLOW + "steps: [{}, {uses: }]\n",
        ["5:9: steps[0]: 'uses' is missing", "5:14: steps[1].uses: expected text, found nothing"],
    ),
    "no-hooks": (OBSERVER, ["1:1: 'hooks' is missing"]),
    "hook-without-on": (OBSERVER + "hooks: [{match: {}}]\n", ["5:9: hooks[0]: 'on' is missing"]),
    "endpoints-of-an-observer": (
        OBSERVER + HOOKS + "endpoints: [{path: /x, method: GET}]\n",
        ["6:1: endpoints: only a workflow has endpoints"],
    ),
    "endpoints": (
        WORKFLOW + STEPS + "endpoints:\n- {path: /x, method: pOsT}\n- {path: x, method: TRACE}\n",
        [
            "8:4: endpoints[1].path: the path of an endpoint starts with '/'",
            "8:13: endpoints[1].method: expected one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS",
        ],
    ),
    "inputs": (
        WORKFLOW + STEPS + "inputs: [{id: a, type: file, required: maybe}, {type: string, required: yes}]\n",
        [
            "6:18: inputs[0].type: expected one of string, number, boolean, object, array; found 'file'",
            "6:30: inputs[0].required: expected true or false, found text",
            "6:48: inputs[1]: 'id' is missing",
            "6:63: inputs[1].required: 'yes' is text; use true",
        ],
    ),
    "inputs-of-the-task-form": (
        WORKFLOW + STEPS + "inputs: {type: object}\n",
        ["6:1: inputs: expected a list, found a mapping"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_extension_manifest(text: str, expected: list[str]) -> None:
    assert faults(text, "extension-manifest") == expected


OTHERS: dict[str, tuple[str, str, list[str]]] = {
    "task": ("extension-manifest#/$defs/task", "name: a\nversion: 1.0.0\ntask: {type: rules}\n", []),
    "task-type": (
        "extension-manifest#/$defs/task",
        "name: a\nversion: 1.0.0\ntask: {type: x}\ninputs: []\n",
        [
            "3:8: task.type: expected one of model, rules; found 'x'",
            "4:1: inputs: expected a mapping, found a list",
        ],
    ),
    "task-name-is-the-id": (
        "extension-manifest#/$defs/task",
        "name: A task\nversion: 1.0.0\n",
        ["1:1: name: an id has only letters, digits, '_' and '-'"],
    ),
    "task-name-beside-an-id": ("extension-manifest#/$defs/task", "id: a\nname: A task\nversion: 1.0.0\n", []),
    "packaging": ("extension-packaging", "load_mode: lazy\nx: 1\n", []),
    "packaging-id": (
        "extension-packaging",
        "id: a b\nload_mode: x\nautostart: 1\n",
        [
            "1:1: id: an id has only letters, digits, '_' and '-'",
            "2:1: load_mode: expected one of eager, lazy; found 'x'",
            "3:1: autostart: expected true or false, found a whole number",
        ],
    ),
    "module-packaging": ("module-packaging", "entry_workflow: ''\n", ["1:1: entry_workflow: must not be empty"]),
    "module": ("module-manifest", "name: a\nversion: 1.0.0\ndescription: d\nsteps: [{extension: b, input: {}}]\n", []),
    "module-steps": (
        "module-manifest",
        "name: a\nversion: 1.0.0\ndescription: d\nsteps: [{on_error: skip}]\n",
        [
            "4:9: steps[0]: 'extension' is missing",
            "4:10: steps[0].on_error: expected one of stop, continue; found 'skip'",
        ],
    ),
    "task-module": (
        "module-manifest#/$defs/task",
        "name: a\nversion: 1.0.0\nworkflow: {steps: [{name: b, extension: extensions/b.yaml, inputs: {}}]}\n",
        [],
    ),
    "task-module-steps": (
        "module-manifest#/$defs/task",
        "name: a\nversion: 1.0.0\nworkflow: {steps: []}\n",
        ["3:12: workflow.steps: needs at least one entry"],
    ),
    "registry": (
        "registry",
        "[{id: a, type: extension, enabled: 1}, 3]",
        [
            "1:27: [0].enabled: expected true or false, found a whole number",
            "1:40: [1]: expected a mapping, found a whole number",
        ],
    ),
    "registry-object": ("registry", "{}", ["1:1: expected a list, found a mapping"]),
}


@pytest.mark.parametrize(("schema", "text", "expected"), OTHERS.values(), ids=OTHERS.keys())
def test_other_documents(schema: str, text: str, expected: list[str]) -> None:
    assert faults(text, schema) == expected


def test_check_raises_once_with_everything() -> None:
    data = b"apiVersion: llamagate/v1\na: 1\nb: 2\n"
    value = yaml_text.load(data, name="x.yaml")
    with pytest.raises(InputError) as caught:
        schemas.check(value, "desired-state", data=data, file="x.yaml", what="desired state")
    assert caught.value.message == "x.yaml: 2 faults in the desired state"
    assert [(fault.file, fault.line, fault.column, fault.path) for fault in caught.value.faults] == [
        ("x.yaml", 2, 1, "a"),
        ("x.yaml", 3, 1, "b"),
    ]


def test_check_says_a_single_fault_itself() -> None:
    with pytest.raises(InputError) as caught:
        schemas.check({}, "lock", data=b'{"apiVersion": 1}', file="x.lock.yaml", what="lock")
    assert caught.value.message == "x.lock.yaml: 2 faults in the lock"
    with pytest.raises(InputError) as caught:
        schemas.check(None, "lock", data=b"", file="x.lock.yaml", what="lock")
    assert caught.value.message == "x.lock.yaml:1:1: the file is empty"


def test_check_passes_what_is_good() -> None:
    schemas.check([], "registry", data=b"[]", file="installed.json", what="registry")


def test_the_number_of_faults_is_bounded() -> None:
    data = b"apiVersion: llamagate/v1\n" + b"".join(b"k%d: 1\n" % number for number in range(50_000))
    value = yaml_text.load(data, name="x.yaml")
    with pytest.raises(InputError) as caught:
        schemas.check(value, "desired-state", data=data, file="x.yaml", what="desired state")
    assert caught.value.message == "x.yaml: 100 faults or more in the desired state"
    assert [fault.line for fault in caught.value.faults] == list(range(2, 102))


BAD_SCHEMAS: dict[str, tuple[Json, list[str]]] = {
    "good": ({"type": "object", "properties": {"a": True}, "$ref": "file:///etc/passwd"}, []),
    "type": ({"type": "strin"}, ["inputs.type: this is not valid here"]),
    "pattern": ({"pattern": 3}, ["inputs.pattern: expected text, found a whole number; quote it"]),
    "below": (
        {"properties": {"a": {"minimum": "x"}, "b": []}},
        [
            "inputs.properties.a.minimum: expected a number, found text",
            "inputs.properties.b: expected a mapping or true or false, found a list",
        ],
    ),
    "required": ({"required": ["a", "a"]}, ["inputs.required: holds an entry twice"]),
}


@pytest.mark.parametrize(("schema", "expected"), BAD_SCHEMAS.values(), ids=BAD_SCHEMAS.keys())
def test_schemas_of_packages(schema: Json, expected: list[str]) -> None:
    data = json.dumps({"inputs": schema}).encode()
    found = schemas.schema_faults({("inputs",): schema}, data=data, file="x.yaml")
    assert [f"{fault.path}: {fault.message}" for fault in found] == expected
    assert {(fault.file, fault.line) for fault in found} <= {("x.yaml", 1)}


def test_a_huge_schema_is_a_fault_and_costs_nothing() -> None:
    schema: Json = {"required": [entry for number in range(50_000) for entry in (number, str(number))]}
    (fault,) = schemas.schema_faults({("inputs",): schema}, data=b"inputs: {}", file="x.yaml")
    assert str(fault) == "x.yaml:1:1: inputs: more than 10000 values in JSON Schemas"


def test_many_schemas_are_one_fault_and_cost_nothing() -> None:
    many: dict[yaml_text.Path, Json] = {("endpoints", index, "request_schema"): {"type": 1} for index in range(5_001)}
    (fault,) = schemas.schema_faults(many, data=b"endpoints: []", file="x.yaml")
    assert str(fault) == "x.yaml:1:1: endpoints[0].request_schema: more than 10000 values in JSON Schemas"


def test_faults_of_several_schemas_come_at_once() -> None:
    found = schemas.schema_faults({("inputs",): {"type": 1}, ("outputs",): {"type": 2}}, data=b"", file="x.yaml")
    assert [fault.path for fault in found] == ["inputs.type", "outputs.type"]


def test_a_schema_that_is_nested_too_deep_is_a_fault() -> None:
    schema: Json = {}
    for _ in range(400):
        schema = {"not": schema}
    (fault,) = schemas.schema_faults({("inputs",): schema}, data=b"inputs: {}", file="x.yaml")
    assert str(fault) == "x.yaml:1:1: inputs: this JSON Schema is nested too deep"
