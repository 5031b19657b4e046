"""Keys that are nearly known ones; and the names of steps, hooks, guardrails and types, which are known all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path
from reconciler.model.config import Json, JsonObject
from reconciler.packages.check.document import Document, at, mapping, rows, text_at
from reconciler.packages.check.found import Found, at_value, misspelt_key
from reconciler.packages.check.near import meant, near, nearest
from reconciler.packages.shape import RULE, SCHEMA_KEYWORDS, Shape
from reconciler.packages.steps import GUARDRAILS, HOOK_ACTIONS, OUTPUT_TYPES, STEP_KINDS, VALUE_TYPES

_NAMED: Final = "named schemas"


def misspelt(document: Document, shape: Shape) -> Iterator[Found]:
    """Keys that are one or two letters from one that means something at their place."""
    yield from _in_shape(document, document.value, shape, ())
    for index, step in rows(document.value, "steps"):
        if kind := STEP_KINDS.get(text_at(step, "uses")):
            for key in ("with", "config"):
                yield from near_keys(document, mapping(step, key), kind.takes, ("steps", index, key))
                yield from _in_rules(document, step, key, index)


def _in_rules(document: Document, step: JsonObject, key: str, index: int) -> Iterator[Found]:
    for number, rule in rows(step, key, "rules"):
        if not _has_inline_results(rule):
            yield from near_keys(document, rule, RULE.keys, ("steps", index, key, "rules", number))


def _has_inline_results(rule: JsonObject) -> bool:
    """Whether the results of a rule are beside its condition: names that its author chooses."""
    return not any(key in RULE.keys or near(key, ("then", "outputs")) for key in rule if key not in ("if", "condition"))


def _in_shape(document: Document, value: Json, shape: Shape, path: Path) -> Iterator[Found]:
    if shape.is_free:
        return
    if isinstance(value, list) and shape.rows is not None:
        for index, row in enumerate(value):
            yield from _in_shape(document, row, shape.rows, (*path, index))
    elif isinstance(value, dict) and shape.is_schema:
        yield from _in_schema(document, value, path)
    elif isinstance(value, dict) and shape.keys:
        yield from near_keys(document, value, shape.keys, path)
        for key, below in value.items():
            if key in shape.keys:
                yield from _in_shape(document, below, shape.keys[key], (*path, key))


def near_keys(document: Document, holder: JsonObject, known: Collection[str], path: Path) -> Iterator[Found]:
    """The keys of ``holder`` that are nearly one of ``known``, and not one that it has already."""
    for key in holder:
        if key in known:
            continue
        candidates = [one for one in near(key, known) if one not in holder]
        if candidates:
            only = nearest(key, candidates)
            message = f"there is no key '{key}' here{meant(candidates)}"
            yield misspelt_key(document, (*path, key), message, meant=only or candidates[0], fix=only)


def _in_schema(document: Document, schema: JsonObject, path: Path) -> Iterator[Found]:
    yield from near_keys(document, schema, SCHEMA_KEYWORDS, path)
    yield from _misspelt_properties(document, schema, path)
    for key, below in schema.items():
        holds = SCHEMA_KEYWORDS.get(key)
        if holds == _NAMED and isinstance(below, dict):
            for name, one in below.items():
                if isinstance(one, dict):
                    yield from _in_schema(document, one, (*path, key, name))
        elif holds == "schema" and isinstance(below, dict):
            yield from _in_schema(document, below, (*path, key))
        elif holds == "schemas" and isinstance(below, list):
            for index, one in enumerate(below):
                if isinstance(one, dict):
                    yield from _in_schema(document, one, (*path, key, index))


def _misspelt_properties(document: Document, schema: JsonObject, path: Path) -> Iterator[Found]:
    """A property that is nearly one that ``required`` names, which has no entry of its own."""
    properties = mapping(schema, "properties")
    required = at(schema, "required")
    if not properties or not isinstance(required, list):
        return
    lacking = [one for one in required if isinstance(one, str) and one not in properties]
    for name in properties:
        if name not in required and (found := near(name, lacking)):
            message = f"'required' names '{found[0]}', and there is only the property '{name}'"
            yield misspelt_key(document, (*path, "properties", name), message, meant=found[0], fix=None)


def names(document: Document) -> Iterator[Found]:
    """What is named and does not exist: steps, events and actions of hooks, guardrails, types."""
    yield from _steps(document)
    yield from _hooks(document)
    value = document.value
    for index, row in rows(value, "guardrails"):
        kind = text_at(row, "type")
        if kind and kind not in GUARDRAILS:
            what = f"there is no guardrail '{kind}': it guards nothing"
            yield _unknown(document, CheckCode.UNKNOWN_GUARDRAIL, ("guardrails", index, "type"), what, GUARDRAILS)
    for section, types in (("inputs", VALUE_TYPES), ("outputs", OUTPUT_TYPES)):
        for index, row in rows(value, section):
            kind = text_at(row, "type")
            if kind and kind not in types:
                what = f"there is no type '{kind}'; known are {', '.join(types)}"
                yield _unknown(document, CheckCode.UNKNOWN_TYPE, (section, index, "type"), what, types)


def _unknown(document: Document, code: CheckCode, path: Path, message: str, known: Collection[str]) -> Found:
    name = text_at(document.value, *path)
    return at_value(document, code, path, message + meant(near(name, known)), fix=nearest(name, known))


def _steps(document: Document) -> Iterator[Found]:
    for index, step in rows(document.value, "steps"):
        uses = text_at(step, "uses")
        if uses and uses not in STEP_KINDS:
            message = f"there is no step '{uses}'"
            if not near(uses, STEP_KINDS):
                message += f"; known are {', '.join(sorted(STEP_KINDS))}"
            yield _unknown(document, CheckCode.UNKNOWN_STEP, ("steps", index, "uses"), message, STEP_KINDS)
        error = text_at(step, "on_error")
        if error and (found := near(error, ("stop", "continue"))):
            message = f"'on_error' is stop or continue, not '{error}'"
            path = ("steps", index, "on_error")
            yield at_value(document, CheckCode.UNKNOWN_ACTION, path, message + meant(found), fix=found[0])


def _hooks(document: Document) -> Iterator[Found]:
    actions = {action: event for event, action in HOOK_ACTIONS.items()}
    for index, hook in rows(document.value, "hooks"):
        on, action = text_at(hook, "on"), text_at(hook, "action")
        if on and on not in HOOK_ACTIONS:
            message = f"there is no event '{on}'; known are {' and '.join(HOOK_ACTIONS)}"
            yield _unknown(document, CheckCode.UNKNOWN_ACTION, ("hooks", index, "on"), message, HOOK_ACTIONS)
        elif action and action not in actions:
            message = f"there is no action '{action}'; known are {' and '.join(actions)}"
            yield _unknown(document, CheckCode.UNKNOWN_ACTION, ("hooks", index, "action"), message, actions)
        elif on and action and HOOK_ACTIONS[on] != action:
            message = f"the action {action} belongs to {actions[action]}; for {on} there is {HOOK_ACTIONS[on]}"
            yield at_value(document, CheckCode.UNKNOWN_ACTION, ("hooks", index, "action"), message)
        elif on and not action:
            message = f"the hook does nothing; write 'action: {HOOK_ACTIONS[on]}'"
            yield at_value(document, CheckCode.UNKNOWN_ACTION, ("hooks", index), message)


def doubled(document: Document) -> Iterator[Found]:
    """Names that two of a kind have."""
    for section, keys in (("inputs", ("id",)), ("outputs", ("id",)), ("steps", ("id", "name"))):
        seen: dict[str, int] = {}
        for index, row in rows(document.value, section):
            key, name = next(((key, text_at(row, key)) for key in keys if text_at(row, key)), ("", ""))
            if name and name in seen:
                message = f"'{name}' is the name of {section[:-1]} {seen[name] + 1} already"
                yield at_value(document, CheckCode.DOUBLED_NAME, (section, index, key), message)
            elif name:
                seen[name] = index
