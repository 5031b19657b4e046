"""Whether what a caller sends fits what an extension or module takes. Pure."""

from __future__ import annotations

from typing import Final

from reconciler.host.engine.json_values import has_type
from reconciler.host.engine.state import State
from reconciler.host.errors import RunInputError
from reconciler.host.items import DeclaredInput, Extension
from reconciler.host.schema import Schema
from reconciler.model.config import JsonObject

_TYPE_NAMES: Final = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}


def checked_state(extension: Extension, given: JsonObject) -> State:
    """The state that a run starts with. ``RunInputError`` where an input is missing or of another type."""
    if extension.task is not None:
        inputs = checked_by(extension.task.inputs, given)
        known = extension.task.inputs.properties if extension.task.inputs else {}
        return State(values=inputs, inputs=inputs, optional=frozenset(known))
    defaults = {declared.id: declared.default for declared in extension.inputs if declared.default is not None}
    inputs = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    for one in extension.inputs:
        _check(one, inputs)
    return State(values=inputs, inputs=inputs, optional=frozenset(one.id for one in extension.inputs))


def checked_by(schema: Schema | None, given: JsonObject) -> JsonObject:
    """``given`` with the schema's defaults. ``RunInputError`` where it does not fit."""
    if schema is None:
        return given
    inputs = schema.with_defaults(given)
    problem = schema.problem(inputs)
    if problem:
        raise RunInputError(f"The input does not fit: {problem}")
    return inputs


def _check(one: DeclaredInput, inputs: JsonObject) -> None:
    if one.id not in inputs:
        if one.required:
            raise RunInputError(f"Required input '{one.id}' is missing")
    elif not has_type(inputs[one.id], one.type):
        raise RunInputError(f"Input '{one.id}' must be {_TYPE_NAMES[one.type]}")
