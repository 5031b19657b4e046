"""The symptoms of the troubleshooting page are messages that the program has."""

from __future__ import annotations

import ast
import functools
import re
from typing import Final

import pytest

from tests.conftest import PROJECT
from tests.docs.pages import page

SYMPTOMS: Final = [
    message
    for heading in re.findall(r"^### (.+)$", page("how-to/troubleshooting.md"), re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", heading)
    if "…" in message
]


@functools.cache
def texts() -> str:
    """All texts of the program, one a line; a value that is filled in is one ``…``."""
    found = []
    for path in sorted((PROJECT / "reconciler").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_a_symptom_is_a_message_of_the_program(symptom: str) -> None:
    parts = [part.strip(" :;.") for part in symptom.split("…")]
    assert [part for part in parts if part and part not in texts()] == []
