"""Validation against the schemas of ``schemas/``: every fault at once, where it stands and what to write instead.

The schemas keep to keywords whose failure can be said in one sentence (no ``oneOf``, ``anyOf``, ``not``); where the
general sentence is not good enough a schema carries its own, as ``patternErrorMessage`` or ``errorMessage``, which
editors show too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

from reconciler.codes import FaultCode
from reconciler.documents.acceptance import Test, UnknownKeywordError, acceptor, compiled
from reconciler.documents.schema_messages import Failure, messages_of, unknown_field
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import Fault, InputError
from reconciler.model.config import Json, JsonObject, has_more_than

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from reconciler.documents.yaml.places import Path, Problem

SCHEMA_NAMES: Final = (
    "catalog",
    "desired-state",
    "extension-manifest",
    "extension-packaging",
    "lock",
    "module-manifest",
    "module-packaging",
    "plan",
    "registry",
    "trust",
)
MAX_FAULTS: Final = 100
"""Faults reported of one document; reading on would only cost time."""

MAX_SCHEMA_VALUES: Final = 10_000
"""Values in all JSON Schemas of one document of a package; checking takes about 0.1 ms for each."""


def schema_text(name: str) -> str:
    """The JSON Schema ``name``, one of ``SCHEMA_NAMES``, as it is published; ``KeyError`` for any other name."""
    if name not in SCHEMA_NAMES:
        raise KeyError(name)
    package = FilePath(__file__).parent.parent
    folder = next(folder for folder in (package / "schemas", package.parent / "schemas") if folder.is_dir())
    return (folder / f"{name}.schema.json").read_text("utf-8")


def check(value: Json, schema: str, *, data: bytes, file: str, what: str) -> None:
    """Raise one ``InputError`` with all that ``faults_of`` finds; ``what`` names the document ("desired state")."""
    if faults := faults_of(value, schema, data=data, file=file):
        count = f"{len(faults)} faults" if len(faults) < MAX_FAULTS else f"{MAX_FAULTS} faults or more"
        raise InputError.of(faults, f"{file}: {count} in the {what}")


def is_valid(value: Json, schema: str) -> bool:
    """Whether ``check`` would find nothing wrong. "No" says nothing."""
    return _accepts(schema)(value)


def faults_of(value: Json, schema: str, *, data: bytes, file: str) -> tuple[Fault, ...]:
    """What is wrong with ``value`` by ``schema``, in the order of the text; at most ``MAX_FAULTS``.

    ``schema`` is a name, or a name and a definition in it: ``extension-manifest#/$defs/task``. ``data`` is the text
    that ``value`` was decoded from; it is read again only to find lines and columns.
    """
    return () if _accepts(schema)(value) else _located(_problems(_validator(schema), value), data, file)


def schema_faults(found: Mapping[Path, Json], *, data: bytes, file: str) -> tuple[Fault, ...]:
    """What is wrong with the values ``found`` at these places as JSON Schemas that a package brings.

    Only their form is checked: no pattern of them is compiled or run, and nothing that they refer to is fetched.
    """
    if not found:
        return ()
    if has_more_than(MAX_SCHEMA_VALUES, found.values()):
        place = next(iter(found))
        problem = (place, f"more than {MAX_SCHEMA_VALUES} values in JSON Schemas", FaultCode.INVALID_VALUE)
        return _located([problem], data, file)
    return _located(_schema_problems(found), data, file)


def _schema_problems(found: Mapping[Path, Json]) -> Iterator[Problem]:
    for place, value in found.items():
        try:
            yield from (((*place, *path), message, code) for path, message, code in _problems(_meta_validator(), value))
        except RecursionError:
            yield place, "this JSON Schema is nested too deep", FaultCode.INVALID_VALUE


def _located(problems: Iterable[Problem], data: bytes, file: str) -> tuple[Fault, ...]:
    """The first ``MAX_FAULTS`` different ones, in the order of the text; what comes behind is not looked for."""
    found: dict[Problem, None] = {}
    for problem in problems:
        found[problem] = None
        if len(found) == MAX_FAULTS:
            break
    return tuple(
        sorted(yaml_text.faults_at(data, file, [*found]), key=lambda fault: (fault.line or 0, fault.column or 0))
    )


@cache
def _accepts(schema: str) -> Test:
    try:
        return acceptor(_schema(schema))
    except UnknownKeywordError:
        return lambda _: False


@cache
def _validator(schema: str) -> Any:
    return _extended()(_schema(schema))


@cache
def _schema(schema: str) -> Any:
    name, _, pointer = schema.partition("#/")
    root = json.loads(schema_text(name))
    return _expanded(_target(root, pointer), root)


def _extended() -> Any:
    """JSON Schema 2020-12 with our own ``_KEYWORDS``; as the decoders have it, 1.0 is no integer."""
    from jsonschema import Draft202012Validator, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    extend: Any = validators.extend
    return extend(Draft202012Validator, _KEYWORDS, type_checker=types)


@cache
def _meta_validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(Draft202012Validator.META_SCHEMA)


def _expanded(node: Any, root: JsonObject) -> Any:
    """``node`` with each local ``$ref`` replaced by its target, which is faster than following it each time."""
    if isinstance(node, list):
        return [_expanded(below, root) for below in node]
    if not isinstance(node, dict):
        return node
    result = {key: _expanded(below, root) for key, below in node.items() if key not in ("$ref", "$defs")}
    if "$ref" in node:
        return _expanded(_target(root, node["$ref"].removeprefix("#/")), root) | result
    return result


def _target(root: JsonObject, pointer: str) -> Any:
    node: Any = root
    for part in pointer.split("/") if pointer else ():
        node = node[part]
    return node


def _failed(keyword: str) -> ValidationError:
    from jsonschema.exceptions import ValidationError

    return ValidationError(keyword)


def _pattern(_validator: Any, pattern: str, value: Json, _schema: JsonObject) -> Iterator[ValidationError]:
    if isinstance(value, str) and not compiled(pattern).search(value):
        yield _failed("pattern")


def _additional(validator: Any, rule: Any, value: Json, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """In the order of the text, so that a bounded number of faults is always the same one."""
    extra = [key for key in value if key not in schema.get("properties", ())] if isinstance(value, dict) else []
    if rule is False and extra:
        yield _failed("additionalProperties")
    elif rule is not False:
        for key in extra:
            yield from validator.descend(value[key], rule, path=key)  # type: ignore[call-overload,index]


_CODES: Final = {
    "additionalProperties": FaultCode.UNKNOWN_KEY,
    "required": FaultCode.MISSING_KEY,
    "type": FaultCode.WRONG_TYPE,
}
_KEYWORDS: Final = {"pattern": _pattern, "additionalProperties": _additional}


def _problems(validator: Any, value: Json) -> Iterator[Problem]:
    """Each place in ``value`` that is wrong and what to say about it."""
    for error in validator.iter_errors(value):
        path = tuple(error.absolute_path)
        if "propertyNames" in list(error.absolute_schema_path)[-2:-1]:
            path = (*path, error.instance)
            if error.validator == "enum":  # the fields that go with this one of several forms
                yield path, unknown_field(error.instance, error.validator_value), FaultCode.UNKNOWN_KEY
                continue
        failure = Failure(path, error.instance, error.validator, error.validator_value, error.schema)
        code = _CODES.get(error.validator, FaultCode.INVALID_VALUE)
        yield from ((place, message, code) for place, message in messages_of(failure))
