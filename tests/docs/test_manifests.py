"""The manifest reference has every key of the schemas, and its examples are packages of the form that it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.documents.schemas import schema_text
from tests.cli.shell import Session
from tests.docs.pages import chapter, page, rows

_TYPES = {"object": "mapping", "array": "list", "string": "text", "boolean": "true or false", "null": ""}
_BLOCK = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

TABLES = [
    ("extension-manifest", "", "Extensions: the gateway dialect"),
    ("extension-manifest", "task", "Extensions: the task dialect"),
    ("module-manifest", "", "Modules: the gateway dialect"),
    ("module-manifest", "task", "Modules: the task dialect"),
    ("extension-packaging", "", "Packaging metadata"),
    ("module-packaging", "", "Packaging metadata"),
]


def _keys(schema: Any, root: Any, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Key, type and default of every property, as the page writes them."""
    required = schema.get("required", [])
    for name, found in schema.get("properties", {}).items():
        key = f"{above}{name}"
        yield key, _type(found), "required" if name in required else _default(found)
        yield from _keys(found, root, f"{key}.")
        if "items" in found:
            reference = found["items"].get("$ref", "").rpartition("/")[2]
            yield from _keys(root["$defs"][reference] if reference else found["items"], root, f"{key}[].")


def _type(schema: Any) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_TYPES[name] for name in types if name != "null")


def _default(schema: Any) -> str:
    value = schema.get("default", "")
    return f"`{value if isinstance(value, str) else json.dumps(value)}`" if value != "" else ""


@pytest.mark.parametrize(("name", "form", "title"), TABLES, ids=[f"{name} {form}".strip() for name, form, _ in TABLES])
def test_every_key_of_a_schema_is_explained(name: str, form: str, title: str) -> None:
    root = json.loads(schema_text(name))
    text = chapter(page("manifests.md"), title)
    if title == "Packaging metadata":
        text = text.partition("`module.yaml` beside")[0 if name == "extension-packaging" else 2]
    table = [cells for cells in rows(text) if cells[0].startswith("`")]
    explained = [(cells[0].strip("`"), cells[1], cells[3]) for cells in table]
    assert explained == list(_keys(root["$defs"][form] if form else root, root))
    assert all(cells[2] for cells in table)


@pytest.fixture
def examples(session: Session) -> Session:
    """The packages of the page, written out."""
    for path, text in _BLOCK.findall(page("manifests.md")):
        session.write(path, text)
    return session


FORMS = {
    "greeter": "extension greeter 1.0.0, gateway dialect, 1 file",
    "greeter-task": "extension greeter-task 1.0.0, task dialect, which a gateway cannot load, 1 file",
    "answer-counter": "extension answer-counter 1.0.0, gateway dialect, 2 files",
    "release-note": "extension release-note 1.0.0, full definition in extension.yaml, 1 file",
    "reception": "agentic-module reception 1.0.0, gateway dialect, 1 file",
    "reception-task": "agentic-module reception-task 1.0.0, task dialect, which a gateway cannot load, 3 files",
}


@pytest.mark.parametrize("name", FORMS)
def test_an_example_is_a_package_of_the_form_that_it_shows(examples: Session, name: str) -> None:
    assert examples.llamagate("validate", name).out == f"{name} is valid: {FORMS[name]}\n"


def test_every_example_is_checked_and_can_be_imported(examples: Session) -> None:
    paths = [path for path, _ in _BLOCK.findall(page("manifests.md"))]
    assert {path.partition("/")[0] for path in paths} == set(FORMS)
    for name in FORMS:
        examples.llamagate("import", name)
    loadable = {item["id"]: item["loadable"] for item in examples.llamagate("list", "--json").json["items"]}
    assert loadable == {name: "cannot load" not in form for name, form in FORMS.items()}
    assert examples.installed("release-note", "manifest.yaml").read_bytes() == (
        examples.installed("release-note", "extension.yaml").read_bytes()
    )
    assert examples.registered()["answer-counter"]["enabled"] is False
