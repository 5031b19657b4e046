"""The table of steps is what the host runs, and the checker goes by."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.host.engine import builtin_steps
from reconciler.packages.shape import EXTENSION, MODULE, PACKAGING, Shape
from reconciler.packages.steps import GUARDRAILS, HOOK_ACTIONS, MODEL_SETTINGS, STEP_KINDS
from tests.conftest import PROJECT
from tests.docs.pages import chapter, page, rows

_ASKED = re.compile(r"\b(?:argument|given|text|mapping|_number)\((?:view, |StepView\.\w+, )?((?:\"\w+\"(?:, )?)+)")
_COMPUTED = re.compile(r"computed\(StepView\.\w+, ((?:\"\w+\"(?:, )?)+)")


def test_each_step_has_a_function_and_each_function_is_a_step() -> None:
    assert builtin_steps.STEPS.keys() == STEP_KINDS.keys() == builtin_steps._FUNCTIONS.keys()


def test_every_argument_that_a_step_asks_for_is_in_the_table() -> None:
    source = Path(builtin_steps.__file__).read_text()
    asked = {
        name for found in (*_ASKED.findall(source), *_COMPUTED.findall(source)) for name in re.findall(r"\w+", found)
    }
    known = {name for kind in STEP_KINDS.values() for name in kind.takes} | {*MODEL_SETTINGS}
    assert len(asked) > 12
    assert asked - known == set()


def test_the_page_of_the_host_has_the_same_steps_hooks_and_guardrails() -> None:
    host = page("host.md")
    steps = [row[0].strip("`") for row in rows(chapter(host, "Steps")) if row[0].startswith("`")]
    assert sorted(steps) == sorted(STEP_KINDS)
    guardrails = [row[0].strip("`") for row in rows(chapter(host, "Tasks and modules")) if row[0].startswith("`")]
    assert {*guardrails} == {*GUARDRAILS}
    hooks = {row[0].split("`")[1]: row[1].strip("`") for row in rows(chapter(host, "Hooks")) if row[0].startswith("`")}
    assert hooks == HOOK_ACTIONS


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ("extension-manifest", EXTENSION),
        ("extension-packaging", PACKAGING),
        ("module-manifest", MODULE),
        ("module-packaging", PACKAGING),
    ],
)
def test_every_key_of_a_schema_means_something_to_the_checker(schema: str, shape: Shape) -> None:
    document = json.loads((PROJECT / "schemas" / f"{schema}.schema.json").read_text())
    missing = [key for key in document["properties"] if key not in shape.keys]
    parts = {**document.get("$defs", {})}
    for section, name in (
        ("inputs", "input"),
        ("outputs", "output"),
        ("steps", "step"),
        ("hooks", "hook"),
        ("endpoints", "endpoint"),
    ):
        below = shape.keys.get(section)
        if name in parts and below and below.rows:
            missing += [f"{name}.{key}" for key in parts[name]["properties"] if key not in below.rows.keys]
    missing += [f"task.{key}" for key in parts.get("task", {}).get("properties", {}) if key not in shape.keys]
    assert missing == []
