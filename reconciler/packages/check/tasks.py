"""An extension in the task dialect: its prompt or its rules, between the schemas of what comes in and goes out."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.codes import CheckCode
from reconciler.packages.check.conditions import in_rules
from reconciler.packages.check.document import Document, at, mapping, rows, text_at
from reconciler.packages.check.flow import results_of
from reconciler.packages.check.found import Found, at_value
from reconciler.packages.check.near import near
from reconciler.packages.check.scope import Scope, in_value
from reconciler.packages.steps import VALUE_TYPES


def in_task(document: Document) -> Iterator[Found]:
    """What is wrong with the prompt or the rules of a task."""
    value = document.value
    inputs = frozenset(mapping(value, "inputs", "properties"))
    scope = Scope(inputs=inputs, names=inputs, more=not inputs)
    yield from in_value(document, value.get("prompt"), ("prompt",), scope)
    declared = frozenset(mapping(value, "outputs", "properties"))
    yield from in_rules(document, value.get("rules"), ("rules",), scope, declared)
    yield from _lacking(document)
    kind = text_at(value, "task", "type")
    if kind and kind not in ("model", "rules"):
        message = f"a task is of type model or rules, not '{kind}'"
        found = near(kind, ("model", "rules"))
        yield at_value(document, CheckCode.UNKNOWN_TYPE, ("task", "type"), message, fix=found[0] if found else None)
    elif kind == "rules" and not any(rows(value, "rules")):
        message = "a task of type rules has no 'rules'"
        yield at_value(document, CheckCode.MISSING_ARGUMENT, ("task",), message)
    elif kind == "model" and not text_at(value, "prompt") and not near_prompt(document):
        yield at_value(document, CheckCode.MISSING_ARGUMENT, ("task",), "a task of type model has no 'prompt'")


def near_prompt(document: Document) -> bool:
    """Whether the prompt is there under a misspelt key, which is said as that."""
    return any(near(key, ("prompt",)) for key in document.value)


def _lacking(document: Document) -> Iterator[Found]:
    """Rules that do not give what the outputs require: a run that comes to them fails."""
    required = at(document.value, "outputs", "required")
    for index, rule in rows(document.value, "rules"):
        given = results_of(rule)
        for name in required if isinstance(required, list) else []:
            if isinstance(name, str) and name not in given and not any(near(one, (name,)) for one in given):
                message = f"this rule gives no '{name}', which the outputs require"
                yield at_value(document, CheckCode.UNPRODUCED_OUTPUT, ("rules", index), message)


def in_types(document: Document) -> Iterator[Found]:
    """Types in the schemas of a task that JSON Schema does not have."""
    known = (*VALUE_TYPES, "integer", "null")
    for section in ("inputs", "outputs"):
        for name, one in mapping(document.value, section, "properties").items():
            kind = text_at(one, "type")
            if kind and kind not in known:
                found = near(kind, known)
                path = (section, "properties", name, "type")
                message = f"there is no type '{kind}'; known are {', '.join(known)}"
                fix = found[0] if len(found) == 1 else None
                yield at_value(document, CheckCode.UNKNOWN_TYPE, path, message, fix=fix)
