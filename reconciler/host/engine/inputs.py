"""Whether what a caller sends fits what an extension or module takes."""

from __future__ import annotations

from typing import Final

from reconciler.host.engine.json_values import has_type
from reconciler.host.engine.pieces import Workers, done
from reconciler.host.engine.state import State
from reconciler.host.engine.weight import to_validate, weight
from reconciler.host.errors import RunInputError
from reconciler.host.items import DeclaredInput, Extension
from reconciler.host.schema import Schema
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import did_you_mean

_TYPE_NAMES: Final = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}


async def checked_state(workers: Workers, extension: Extension, given: JsonObject, own: JsonObject) -> State:
    """The state that a run starts with. ``RunInputError`` where an input is missing or of another type."""
    sent = frozenset(given)
    if extension.task is not None:
        inputs = await checked_by(workers, extension.task.inputs, given)
        known = extension.task.inputs.properties if extension.task.inputs else {}
        return State(values=inputs, inputs=inputs, optional=frozenset(known), given=sent)
    defaults = {declared.id: declared.default for declared in extension.inputs if declared.default is not None}
    inputs = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    for one in extension.inputs:
        _check(one, inputs)
    return State(
        values=inputs, inputs=inputs, optional=frozenset(one.id for one in extension.inputs), given=sent, own=own
    )


async def checked_by(workers: Workers, schema: Schema | None, given: JsonObject) -> JsonObject:
    """``given`` with the schema's defaults. ``RunInputError`` where it does not fit."""
    if schema is None:
        return given
    inputs = schema.with_defaults(given)
    problem = await problem_with(workers, schema, inputs)
    if problem:
        raise RunInputError(f"The input does not fit: {problem}")
    return inputs


async def problem_with(workers: Workers, schema: Schema, value: Json) -> str | None:
    """What is wrong with ``value``, as ``schema`` has it."""
    return await done(workers, to_validate(schema.parts, weight(value)), _problem, schema, value)


def _problem(schema: Schema, value: Json) -> str | None:
    return schema.problem(value)


def undeclared(extension: Extension, given: JsonObject) -> str | None:
    """What is wrong with inputs that ``extension`` does not declare: strict endpoints take none."""
    declared = extension.task.inputs.properties if extension.task and extension.task.inputs else {}
    known = [*declared, *(one.id for one in extension.inputs)]
    unknown = next((name for name in given if name not in known), None)
    return None if unknown is None else f"Input '{unknown[:80]}' is not declared{did_you_mean(unknown[:80], known)}"


def _check(one: DeclaredInput, inputs: JsonObject) -> None:
    if one.id not in inputs:
        if one.required:
            raise RunInputError(f"Required input '{one.id}' is missing")
    elif not has_type(inputs[one.id], one.type):
        raise RunInputError(f"Input '{one.id}' must be {_TYPE_NAMES[one.type]}")
