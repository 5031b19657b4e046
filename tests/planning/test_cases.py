"""The rules of planning, as cases: what is given, what the plan says, and what then stands there.

Each file of ``cases`` holds one rule. ``world.py`` tells how a case is written; a part of the plan that is left out is
empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from reconciler.documents import schemas
from reconciler.documents.yaml import text as yaml_text
from tests.planning.world import HOME, World, key, on_disk, said, world

CASES = Path(__file__).parent / "cases"
PARTS = {"actions", "drift", "refusals", "warnings"}


def cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml_text.load(path.read_bytes(), name=str(path)):  # type: ignore[union-attr]
            found.append(pytest.param(case, id=f"{path.stem}: {case['case']}"))  # type: ignore[index,call-overload]
    return found


@pytest.mark.parametrize("case", cases())
def test_case(case: Mapping[str, Any]) -> None:
    assert set(case) <= {"case", "given", "plan", "then", "again"}
    assert set(case["plan"]) <= PARTS
    before = world(case["given"])
    assert said(before.plan()) == case["plan"]
    assert schemas.faults_of(before.plan().to_document(), "plan", data=b"", file="plan") == ()
    if "refusals" not in case["plan"]:
        after = before.applied()
        assert then(after, case.get("then", {})) == case.get("then", {})
        assert [str(action.action) for action in after.plan().actions] == case.get("again", [])


def then(after: World, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What ``after`` says about all that ``asked`` names."""
    answers: dict[str, Callable[[str], Any]] = {
        "disk": lambda name: on_disk(after.observed.item(key(name))),
        "owner": lambda name: after.record.items[key(name)].owner,
        "version": lambda name: after.record.items[key(name)].version,
        "config": lambda name: after.record.items[key(name)].config,
        "recorded": lambda name: key(name) in after.record.items,
        "enabled": lambda name: [after.record.items[key(name)].enabled, registered(after, name)["enabled"]],
        "registered": lambda name: registered(after, name),
    }
    found: dict[str, Any] = {}
    for part, rows in asked.items():
        if part == "file_of":
            found[part] = {owner: after.record.owners.get(owner) for owner in rows}
        elif part == "hold":
            found[part] = after.record.hold and after.record.hold.reason
        else:
            found[part] = {name: answers[part](name) for name in rows}
    return found


def registered(after: World, name: str) -> dict[str, Any]:
    """The registry entry of ``name``, without what cases do not care for."""
    found = after.observed.registry.entries.get(key(name).id)
    if found is None:
        return {}
    facts = {**asdict(found), "kind": str(found.key.kind), "source_path": found.source_path.removeprefix(f"{HOME}/")}
    return {fact: value for fact, value in facts.items() if value != {} and fact not in ("key", "absent")}
